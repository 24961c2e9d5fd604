"""Messages that somebody made by hand: what they may start, and what the worker's log says."""

import logging
import uuid

import pytest

from tests.project.celery import app
from tests.project.shop.models import Product
from tests.support.rows import columns, stored
from tests.support.runs import declared, ring, work

pytestmark = pytest.mark.django_db

OF_CELERY = uuid.UUID("c8416faa-a3de-4eda-91e7-272a9daee112")

ran = []
one = declared(lambda product: ran.append("one"), aliases=["db.strays.one_before"])
other = declared(lambda product: ran.append("other"))


@pytest.fixture(autouse=True)
def _as_in_a_worker():
    app.finalize()
    ran.clear()


@pytest.fixture
def warnings(caplog):
    """What was warned of so far."""
    caplog.set_level(logging.WARNING)
    return lambda: [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


def by_hand(name, key):
    """Deliver a message as ``send_task(name, task_id=key)`` makes it."""
    ring(name, key, ignore_result=False)


@pytest.mark.parametrize("runs_before", [0, 1])
@pytest.mark.parametrize("deliver", [by_hand, ring])
def test_a_message_with_the_name_of_another_task_runs_nothing(product, deliver, runs_before):
    for task in (one, other)[: 2 * runs_before]:
        work(task.delayed(product))
    ran.clear()
    row = one.delayed(product)
    before = columns(row)
    deliver(other.name, row.pk)
    assert ran == []
    assert columns(row) == before
    assert work(row).is_finished
    assert ran == ["one"]


def test_the_name_of_another_task_is_warned_of(product, warnings):
    row = one.delayed(product)
    by_hand(other.name, row.pk)
    (said,) = warnings()
    assert other.name in said
    assert f"the row {row.pk} is of the task {one.name}" in said


def test_a_message_for_an_unknown_task_does_not_fail_a_row_of_a_known_one(product):
    from boogie.apps.tasks.execution import losses

    row = one.delayed(product)
    losses.refuse(str(row.pk), "nobody.knows")
    row.refresh_from_db()
    assert row.is_queued


@pytest.mark.parametrize("key", [OF_CELERY, "no id of a row", "7", None], ids=str)
@pytest.mark.parametrize("deliver", [by_hand, ring])
def test_a_message_without_a_row_runs_nothing_and_is_warned_of(deliver, key, warnings):
    deliver(one.name, key)
    assert ran == []
    (said,) = warnings()
    assert f"no row has its id, {key}" in said
    assert one.name in said
    assert "delayed(obj" in said


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda product: one.paused(product), "is paused"),
        (lambda product: work(one.delayed(product)), "is finished"),
        (lambda product: one.schedule(3600, product), "has not come"),
    ],
    ids=["paused", "finished", "scheduled"],
)
def test_a_message_by_hand_for_a_row_that_does_not_wait_says_so(product, warnings, make, reason):
    row = make(product)
    before = columns(row)
    by_hand(one.name, row.pk)
    assert columns(row) == before
    (said,) = warnings()
    assert f"{row.pk} {reason}" in said


def test_a_second_doorbell_is_nothing_unusual(product, warnings):
    row = work(one.delayed(product))
    ring(one.name, row.pk)
    assert warnings() == []


@pytest.mark.parametrize("name", one.names)
def test_a_message_by_hand_for_a_row_that_waits_starts_it(product, warnings, name):
    row = stored("queued", product, one.aliases[0])
    by_hand(name, row.pk)
    assert ran == ["one"]
    assert warnings() == []


@pytest.mark.parametrize("spell", [lambda key: key.hex, lambda key: str(key).upper()])
def test_an_id_that_is_spelled_otherwise_starts_nothing(product, warnings, spell):
    """By that id nobody would find the run: it would be taken for lost while it goes on."""
    row = one.delayed(product)
    by_hand(one.name, spell(row.pk))
    ring(one.name, spell(row.pk))
    row.refresh_from_db()
    assert row.is_queued
    assert ran == []
    assert len(warnings()) == 2
    assert f"the id of the row {row.pk} is spelled otherwise" in warnings()[0]
