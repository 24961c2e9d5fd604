"""Rows that are held back: nobody looks at them, whoever wakes them has them looked at."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.lifecycle import parking, states, transitions
from boogie.apps.tasks.transport import delivery
from tests.project.shop.models import Product
from tests.support.looking import looked_at
from tests.support.plans import plan_of
from tests.support.rows import claim, coherent, columns, stored

pytestmark = pytest.mark.django_db

HELD = {"due": None, "held_by": "queue:slow"}
#: Rows that are held back; far more than a read may look at.
PARKED = 3000
LIMIT = {"postgresql": 200, "mysql": 200, "sqlite": 4000}


def only(row):
    return Task.objects.filter(pk=row.pk)


def test_a_queued_row_without_a_time_names_what_holds_it_back():
    assert stored("queued", **HELD).is_queued
    with pytest.raises(IntegrityError, match="held back"), transaction.atomic():
        stored("queued", due=None)


@pytest.mark.parametrize("status", [status for status, _ in states.STATUS])
def test_only_a_queued_row_is_held_back_and_woken(status):
    row = stored(status)
    before = columns(row)
    assert parking.park(only(row), "queue:slow") == (status == "queued")
    held = columns(row)
    assert {n for n in held if held[n] != before[n]} == ({*HELD} if status == "queued" else set())
    assert parking.wake(only(row), place="") == (status == "queued")
    assert columns(row)["held_by"] == ""
    assert (columns(row)["due"] is None) == (status != "queued")


def test_a_row_that_is_woken_keeps_its_place():
    row = stored("queued", **HELD)
    assert parking.wake(only(row), after=3600.0)
    assert columns(row)["held_by"] == "queue:slow"
    assert columns(row)["due"] > timezone.now()


def test_a_row_that_is_not_held_back_is_not_woken():
    row = stored("queued")
    before = columns(row)
    assert not parking.wake(only(row))
    assert columns(row) == before


def test_a_row_that_is_held_back_is_not_given_back_by_who_had_it_before():
    row = stored("queued", **HELD)
    before = columns(row)
    assert not transitions.release(only(row))
    assert columns(row) == before


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_a_verb_moves_a_row_that_is_held_back_and_it_is_held_no_more(verb):
    row = stored("queued", **HELD)
    assert getattr(row, verb)()
    assert row.held_by == ""


def test_a_row_that_is_held_back_can_be_claimed_by_its_id():
    row = stored("queued", **HELD)
    assert claim(row)


def test_rows_that_are_held_back_are_found_by_what_holds_them():
    mine, other = stored("queued", **HELD), stored("queued", due=None, held_by="task:a.b")
    stored("queued")
    assert list(parking.parked(Task.objects.all(), "queue:slow")) == [mine]
    assert set(parking.parked(Task.objects.all())) == {mine, other}


def test_a_row_that_is_paused_in_the_line_of_a_limit_keeps_its_place():
    row = stored("queued", due=None, held_by="limit:7")
    assert row.pause()
    assert row.run()
    assert row.held_by == "limit:7"
    assert row.due is not None


# --- reads ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd(django_db_setup, django_db_blocker):
    """Commit many rows that are held back, and some that are due; take them away at the end."""
    with django_db_blocker.unblock():
        product = Product.objects.create(name="first")
        Task.objects.bulk_create(_rows(product), batch_size=500)
        _analyze()
        yield
        Task.objects.all()._raw_delete("default")
        product.delete()


def _analyze():
    if connection.vendor == "sqlite":  # it would have these statistics in all tests after this
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # without what other tests have left, rolled back
            cursor.execute(f"REINDEX TABLE {Task._meta.db_table}")
        word = "ANALYZE TABLE" if connection.vendor == "mysql" else "ANALYZE"
        cursor.execute(f"{word} {Task._meta.db_table}")
        cursor.fetchall() if connection.vendor == "mysql" else None


def _rows(product):
    kind = ContentType.objects.get_for_model(Product)
    common = {"name": "db.parking.any", "content_type": kind, "object_id": str(product.pk)}
    for number in range(PARKED):
        held = {} if number % 100 == 0 else {**HELD, "held_by": f"limit:{number % 10}"}
        row = {**common, "created": timezone.now(), **coherent("queued"), **held}
        yield Task(queue="slow", object_db="default", **row)


READS = {
    "what is due": (lambda: Task.objects.due(), {"due", "ready"}),
    "what is ready in a queue": (lambda: Task.objects.ready_in(["slow"])[:10], {"due", "ready"}),
    "who is first in a line": (
        lambda: parking.parked(Task.objects.all(), "limit:7")[:10],
        {"held"},
    ),
}


@pytest.mark.parametrize("name", READS)
def test_a_read_has_its_index_and_looks_at_nothing_else(crowd, name):
    read, indexes = READS[name]
    plan = plan_of(read())
    assert Task._meta.db_table not in plan.scans, plan.text
    assert plan.indexes & {f"boogie_tasks_task_{end}" for end in indexes}, plan.text
    with looked_at() as found:
        assert len(read())
    assert found[0] < LIMIT[connection.vendor], plan.text


def test_a_fetch_looks_at_no_row_that_is_held_back(crowd):
    with looked_at() as found:
        taken = delivery.reserve_rows(["slow"], 5)
    assert len(taken) == 5
    assert found[0] < LIMIT[connection.vendor]


def test_the_first_in_a_line_are_woken_without_a_look_at_the_others(crowd):
    line = parking.parked(Task.objects.all(), "limit:7")
    with looked_at() as found:
        first = list(line.values_list("pk", flat=True)[:3])
        assert parking.wake(Task.objects.filter(pk__in=first)) == 3
    assert found[0] < LIMIT[connection.vendor]
    assert set(line.model.objects.filter(pk__in=first, due__lte=Moment())) == set(
        Task.objects.filter(pk__in=first)
    )
