"""clean(): which rows go, which stay, whatever is asked."""

import itertools
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.models import querysets
from tests.project.shop.models import Bargain, Product
from tests.support.rows import stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db

STATUSES = ["paused", "queued", "running", "finished", "failed", "cancelled"]
ENDED = {"finished", "failed", "cancelled"}

tidy = declared(lambda product: None)
other = declared(lambda product: None)


def moment(minutes):
    return timezone.now() - timedelta(days=1) + timedelta(minutes=minutes)


def a_row_of_every_kind(product, task=tidy, start=0):
    """Two rows of each status; of the finished ones the last is the second."""
    rows = itertools.product((0, 1), STATUSES)
    return {
        (status, age): stored(status, product, task.name, created=moment(start + age))
        for age, status in rows
    }


def left():
    return set(Task.objects.all())


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize("keep_last", [True, False])
def test_clean_deletes_exactly_what_it_says_and_returns_how_many(keep_last, finished):
    product = Product.objects.create(name="pen")
    rows = a_row_of_every_kind(product)
    foreign = set(a_row_of_every_kind(product, other).values())
    stay = {row for (status, _), row in rows.items() if status == "running"}
    if finished:
        stay |= {row for (status, _), row in rows.items() if status not in ENDED}
    if keep_last:
        stay.add(rows["finished", 1])
    assert tidy.clean(keep_last=keep_last, finished=finished) == len(rows) - len(stay)
    assert left() == stay | foreign


def test_by_default_every_ended_row_goes():
    a_row_of_every_kind(Product.objects.create(name="pen"))
    assert tidy.clean() == 6
    assert {row.status for row in left()} == {"paused", "queued", "running"}
    assert tidy.clean() == 0


def test_clean_of_an_object_leaves_the_rows_of_others():
    pen, cup = Product.objects.create(name="pen"), Product.objects.create(name="cup")
    a_row_of_every_kind(pen)
    of_cup = set(a_row_of_every_kind(cup).values())
    assert tidy.clean(pen, finished=False) == 10
    assert of_cup < left()


def test_keep_last_keeps_one_for_each_object():
    pen, cup = Product.objects.create(name="pen"), Product.objects.create(name="cup")
    of_pen, of_cup = a_row_of_every_kind(pen), a_row_of_every_kind(cup, start=-60)
    assert tidy.clean(keep_last=True, finished=False) == 18
    finished = {row for row in left() if row.is_finished}
    assert finished == {of_pen["finished", 1], of_cup["finished", 1]}


def test_keep_last_goes_by_creation_not_by_the_end():
    product = Product.objects.create(name="pen")
    now = timezone.now()
    early = stored("finished", product, tidy.name, created=moment(0), ended=now)
    late = stored("finished", product, tidy.name, created=moment(5), ended=moment(6))
    tidy.clean(keep_last=True)
    assert left() == {late} != {early}


def test_of_two_rows_of_one_moment_the_later_id_is_kept():
    product = Product.objects.create(name="pen")
    same = moment(0)
    rows = [stored("finished", product, tidy.name, created=same) for _ in range(5)]
    assert tidy.clean(keep_last=True) == 4
    assert left() == {max(rows, key=lambda row: row.pk)}


def test_keep_last_keeps_nothing_where_no_run_has_finished():
    product = Product.objects.create(name="pen")
    stored("failed", product, tidy.name)
    stored("cancelled", product, tidy.name)
    assert tidy.clean(keep_last=True) == 2


def test_keep_last_of_a_queryset_looks_at_each_task_by_itself():
    product = Product.objects.create(name="pen")
    first, second = a_row_of_every_kind(product), a_row_of_every_kind(product, other)
    Task.objects.all().clean(keep_last=True)
    finished = {row for row in left() if row.is_finished}
    assert finished == {first["finished", 1], second["finished", 1]}


def test_keep_last_of_a_narrowed_queryset_keeps_the_last_of_all_even_outside_it():
    product = Product.objects.create(name="pen")
    rows = a_row_of_every_kind(product)
    old = tidy.tasks().filter(created__lt=moment(0.5))
    assert old.clean(keep_last=True) == 3
    assert rows["finished", 1] in left()
    assert rows["finished", 0] not in left()


def test_keep_last_keeps_one_row_of_all_names_and_proxies():
    tidied = declared(lambda product: None, aliases=["db.clean.old", "db.clean.older"])
    product = Product.objects.create(name="pen")
    bargain = Bargain.objects.get(pk=product.pk)
    names = [tidied.name, "db.clean.old", "db.clean.older"]
    rows = [
        stored("finished", about, name, created=moment(age))
        for age, (about, name) in enumerate(itertools.product((product, bargain), names))
    ]
    assert Task.objects.all().clean(keep_last=True) == 5
    assert left() == {rows[-1]}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite counts what a statement does")
def test_keep_last_takes_four_times_as_long_for_four_times_the_rows_with_newer_failures():
    steps = []
    for number in (50, 200):
        product = Product.objects.create(name="pen")
        for status, start in (("finished", 0), ("failed", number)):
            for age in range(number):
                stored(status, product, tidy.name, created=moment(start + age))
        superseded = tidy.tasks(product).superseded()
        steps.append(0)

        def step():
            steps[-1] += 1

        connection.connection.set_progress_handler(step, 10)
        assert len(superseded) == 2 * number - 1
        connection.connection.set_progress_handler(None, 0)
    assert steps[1] < 8 * steps[0]  # the square would be 16


def test_clean_by_an_object_takes_the_rows_of_its_proxies_too():
    product = Product.objects.create(name="pen")
    bargain = Bargain.objects.get(pk=product.pk)
    tidy.call(bargain)
    tidy.call(product)
    assert tidy.clean(product) == 2


def test_clean_goes_on_over_many_chunks(monkeypatch):
    monkeypatch.setattr(querysets, "CHUNK", 3)
    product = Product.objects.create(name="pen")
    rows = [stored("finished", product, tidy.name, created=moment(n)) for n in range(10)]
    assert tidy.clean(keep_last=True) == 9
    assert left() == {rows[-1]}
    assert tidy.clean() == 1


@pytest.mark.parametrize("keep_last", [True, False])
def test_a_row_that_begins_to_run_meanwhile_is_not_deleted(monkeypatch, keep_last):
    product = Product.objects.create(name="pen")
    row = stored("queued", product, tidy.name)
    remove = querysets.RowQuerySet._remove_chunk

    def claimed_before(self, condemned):
        Task.objects.filter(pk=row.pk).update(
            status="running", started=timezone.now(), attempt=1, due=None
        )
        return remove(self, condemned)

    monkeypatch.setattr(querysets.RowQuerySet, "_remove_chunk", claimed_before)
    assert tidy.clean(keep_last=keep_last, finished=False) == 0
    assert left() == {row}


def test_a_row_that_a_receiver_refers_to_is_cleaned_though_its_object_is_gone():
    product = Product.objects.create(name="pen")
    tidy.call(product)
    product.delete()
    assert tidy.clean() == 1
