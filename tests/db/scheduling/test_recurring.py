"""``@recurring``: what code declares, and the rows that follow it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from boogie.apps.tasks import Schedule, Task, UnknownTask, recurring, schedules, task
from boogie.apps.tasks.scheduling import making, objects, timetable
from boogie.apps.tasks.testing import freeze
from tests.project.shop.models import Product

from .work import digest, unique

pytestmark = pytest.mark.django_db

NIGHTLY = crontab(minute=0, hour=3)
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
SLOT = datetime(2026, 6, 4, 1, tzinfo=UTC)

nightly = partial(recurring, NIGHTLY, time_zone="Europe/Berlin")


@pytest.fixture
def products():
    return [Product.objects.create(name=f"product {n}") for n in range(7)]


@pytest.fixture
def small(monkeypatch):
    """Portions of two objects."""
    monkeypatch.setattr(objects, "PORTION", 2)


def declare(*, of=digest, **options):
    """Declare a schedule; return the name of it."""
    options = {"objects": lambda: Product.objects.all(), **options}
    nightly(**options)(of)
    return options.get("name", of.name)


def rows_of(products):
    return [digest.tasks(product).count() for product in products]


def test_it_returns_the_task():
    assert nightly(objects=Product.objects.all)(digest) is digest


def test_it_appears_after_migrate():
    name = declare()
    call_command("migrate", verbosity=0)
    found = Schedule.objects.get()
    assert (found.name, found.task, found.declared) == (name, digest.name, True)
    assert (found.when, found.time_zone, found.missed) == ("0 3 * * *", "Europe/Berlin", "once")
    assert found.enabled
    assert found.object is None
    assert found.next_run == found.next_after(datetime.now(UTC))


def test_each_object_gets_a_row_at_a_slot(products, follow, keep):
    with freeze(NOW):
        found = follow(declare(args=("pdf",), objects=lambda: Product.objects.exclude(name="x")))
    with freeze(SLOT):
        keep()
        keep()
    assert rows_of(products) == [1] * 7
    assert {tuple(row.args) for row in digest.tasks()} == {("pdf",)}
    found.refresh_from_db()
    assert (found.last_run, found.next_run) == (SLOT, SLOT + timedelta(days=1))
    assert (found.slot, found.cursor) == (None, "")


def test_it_follows_the_code_when_that_changes(follow):
    with freeze(NOW):
        declare()
        before = follow(digest.name)
        schedules._declared.clear()
        recurring(timedelta(hours=1), objects=Product.objects.all, missed="skip")(digest)
        after = follow(digest.name)
    assert after.pk == before.pk
    assert (after.when, after.missed) == ("P0DT01H00M00S", "skip")
    assert after.next_run == NOW + timedelta(hours=1)


def test_what_code_says_again_changes_nothing(follow):
    declare(args=("pdf",))
    before = follow(digest.name)
    Schedule.objects.update(next_run=NOW)
    after = follow(digest.name)
    assert (after.pk, after.next_run) == (before.pk, NOW)


def test_one_that_was_paused_stays_so(follow, keep, products):
    with freeze(NOW):
        follow(declare()).pause()
        schedules._declared.clear()
        recurring(timedelta(hours=1), objects=Product.objects.all)(digest)
        found = follow(digest.name)
    assert not found.enabled
    with freeze(SLOT):
        keep()
    assert not Task.objects.exists()


def test_one_whose_declaration_is_gone_says_so_and_does_nothing(follow, keep, products):
    with freeze(NOW):
        found = follow(declare())
    schedules._declared.clear()
    assert found.is_gone
    with freeze(SLOT):
        assert not timetable.are_due()
        keep()
        with pytest.raises(UnknownTask, match="no code declares it"):
            found.run_now()
    assert not Task.objects.exists()
    assert Schedule.objects.get().next_run == SLOT


def test_a_row_of_that_name_which_code_does_not_declare_is_left_alone(products, follow, caplog):
    own = digest.using(name="nightly").repeat(NIGHTLY, products[0])
    found = follow(declare(name="nightly"))
    assert (found.pk, found.declared) == (own.pk, False)
    assert "another one of that name" in caplog.text


# --- portions ---------------------------------------------------------------------------


def test_portions_give_each_object_one_row(small, products, follow, keep):
    with freeze(NOW):
        follow(declare())
    with freeze(SLOT):
        keep()
    assert rows_of(products) == [1] * 7


def test_another_keeper_goes_on_behind_what_one_has_left(small, products, follow, keep):
    with freeze(NOW):
        follow(declare())
    with freeze(SLOT):
        assert timetable.make(0)  # it dies behind a portion
        half = Schedule.objects.get()
        assert (half.slot, half.cursor) == (SLOT, str(products[1].pk))
        assert rows_of(products) == [1, 1, 0, 0, 0, 0, 0]
    with freeze(SLOT + timedelta(minutes=30)):
        keep()
    assert rows_of(products) == [1] * 7
    assert Schedule.objects.get().next_run == SLOT + timedelta(days=1)


def test_a_portion_that_another_keeper_has_made_is_not_made_again(small, products, follow):
    with freeze(NOW):
        follow(declare())
    with freeze(SLOT):
        timetable.make(0)
        mine, others = Schedule.objects.get(), Schedule.objects.get()
        assert making.go_on(others)
        assert not making.go_on(mine)
    assert rows_of(products) == [1, 1, 1, 1, 0, 0, 0]


def test_a_slot_that_another_keeper_has_taken_is_not_taken_again(products, follow):
    with freeze(NOW):
        follow(declare())
    mine, others = Schedule.objects.get(), Schedule.objects.get()
    with freeze(SLOT):
        making.take(others, SLOT)
        making.take(mine, SLOT)
    assert rows_of(products) == [1] * 7


def test_a_portion_that_fails_leaves_nothing_and_is_tried_again(
    small, products, follow, keep, monkeypatch
):
    with freeze(NOW):
        follow(declare())
    with freeze(SLOT):
        timetable.make(0)
        whole = schedules._declared[digest.name]
        broken = {digest.name: replace(whole, objects=lambda: 1 / 0)}
        with monkeypatch.context() as patch:
            patch.setattr(schedules, "_declared", broken)
            keep()
        assert "ZeroDivisionError" in Schedule.objects.get().error
    with freeze(SLOT + timedelta(minutes=2)):
        keep()
    assert rows_of(products) == [1] * 7
    assert Schedule.objects.get().error == ""


def test_an_object_that_a_join_yields_twice_gets_one_row(small, products, follow, keep):
    Product.objects.filter(pk__in=[p.pk for p in products[:3]]).update(name="same")
    twice = Product.objects.filter(name="same") | Product.objects.filter(name="same")
    with freeze(NOW):
        follow(declare(objects=lambda: twice.all()))
    with freeze(SLOT):
        keep()
    assert rows_of(products) == [1, 1, 1, 0, 0, 0, 0]


SOURCES = {
    "reversed": lambda: Product.objects.order_by("-name").reverse(),
    "a manager": lambda: Product.objects,
    "distinct": lambda: Product.objects.distinct(),
    "values": lambda: Product.objects.values("name"),
    "a slice": lambda: Product.objects.order_by("-pk")[:7],
    "a union": lambda: Product.objects.filter(pk=0).union(Product.objects.all()),
    "a list": lambda: list(Product.objects.all()),
    "a generator": lambda: (product for product in Product.objects.all()),
}


@pytest.mark.parametrize("source", SOURCES)
def test_objects_may_come_from_anywhere(small, products, follow, keep, source):
    with freeze(NOW):
        follow(declare(objects=SOURCES[source]))
    with freeze(SLOT):
        keep()
    assert rows_of(products) == [1] * 7
    assert Schedule.objects.get().error == ""


def test_no_objects_are_no_rows(follow, keep):
    with freeze(NOW):
        follow(declare(objects=Product.objects.none))
    with freeze(SLOT):
        keep()
    found = Schedule.objects.get()
    assert (found.error, found.next_run) == ("", SLOT + timedelta(days=1))


def test_the_rest_of_a_slot_is_not_made_after_a_pause(small, products, follow, keep):
    with freeze(NOW):
        found = follow(declare())
    with freeze(SLOT):
        timetable.make(0)
        found.pause()
        found.resume()
        keep()
    assert rows_of(products) == [1, 1, 0, 0, 0, 0, 0]


def test_run_now_makes_a_portion_and_keepers_the_rest(small, products, follow, keep):
    with freeze(NOW):
        found = follow(declare())
        found.pause()
        assert found.run_now() is None
        assert rows_of(products) == [1, 1, 0, 0, 0, 0, 0]
        found.run_now()  # the first one is not done
        keep()
    assert rows_of(products) == [1] * 7
    found.refresh_from_db()
    assert (found.last_run, found.next_run, found.enabled) == (NOW, SLOT, False)


def test_a_unique_task_gets_rows_about_those_that_have_none(small, products, follow, keep):
    unique.delayed(products[3])
    with freeze(NOW):
        follow(declare(of=unique))
    with freeze(SLOT):
        keep()
    assert unique.tasks().count() == 7


# --- refusals ---------------------------------------------------------------------------


def test_what_is_no_task_is_refused():
    with pytest.raises(TypeError, match="stands above @task"):

        @nightly(objects=Product.objects.all)
        def report(product):
            """No task."""


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"objects": []}, TypeError, "callable"),
        ({"objects": Product.objects.none, "time_zone": "Nowhere"}, ValueError, "time zone"),
        ({"objects": Product.objects.none, "missed": "never"}, ValueError, "missed"),
        ({"objects": Product.objects.none, "kwargs": {"colour": 1}}, TypeError, "colour"),
        ({"objects": Product.objects.none, "name": ""}, ValueError, "name"),
    ],
)
def test_what_could_not_work_is_refused_at_once(options, error, words):
    with pytest.raises(error, match=words):
        recurring(NIGHTLY, **options)(digest)


def test_a_second_one_of_a_task_needs_a_name(follow):
    declare()
    with pytest.raises(ImproperlyConfigured, match="another name="):
        declare()
    declare(name="once more")
    follow("once more")
    assert Schedule.objects.count() == 2


def test_it_may_stand_above_a_task_with_another_name(follow):
    @nightly(objects=Product.objects.all)
    @task(name="db.scheduling.renamed", aliases=["db.scheduling.before"])
    def report(product):
        """It was called otherwise."""

    assert follow("db.scheduling.before").task == "db.scheduling.renamed"
