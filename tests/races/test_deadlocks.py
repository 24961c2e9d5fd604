"""Producers beside workers that fetch: none is told of a deadlock, whatever the isolation level."""

import threading

import pytest
from django.db import connection, connections, transaction

from boogie.apps.tasks import Task, task_cancelled
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.reserve import Reservation
from tests.project.shop.models import Product
from tests.races.rivals import Rival, waits_for_us
from tests.support.rows import stored
from tests.support.runs import declared
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "mysql", reason="gap locks are InnoDB's"),
]

PRODUCERS, ROWS = 4, 100

nothing = declared(lambda product: None, queue="deadlocks")
due = Reservation(
    model=Task,
    queues=("deadlocks",),
    limit=20,
    fields=("name", "priority"),
    changes=(("due", Moment(60)),),
)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_rows_are_made_while_others_are_fetched(level, monkeypatch):
    monkeypatch.setitem(connections.settings["default"]["OPTIONS"], "isolation_level", level)
    product = Product.objects.create(name="pen")
    over = threading.Event()

    def produce():
        for _ in range(ROWS):
            nothing.delayed(product)

    def fetch():
        while not over.is_set():
            due.take("default")

    fetchers = [Rival(fetch) for _ in range(2)]
    producers = [Rival(produce) for _ in range(PRODUCERS)]
    for rival in fetchers + producers:
        rival.start()
    try:
        for rival in producers:
            rival.outcome()
    finally:
        over.set()
    for rival in fetchers:
        rival.outcome()
    assert Task.objects.queued().count() == PRODUCERS * ROWS


@pytest.fixture(params=[False, True], ids=["unheard", "heard"])
def heard(request):
    """What is told of rows that were cancelled, if anybody listens."""
    told = []

    def hear(task, **extra):
        told.append(task.pk)

    if request.param:
        task_cancelled.connect(hear)
    yield told
    task_cancelled.disconnect(hear)


def test_a_verb_that_lost_is_done_again(heard):
    """The rival has one row and waits for the other; we have done more, so it is the victim."""
    first, second = sorted((stored("queued") for _ in range(2)), key=lambda row: row.pk)
    rows = Task.objects.filter(pk__in=[first.pk, second.pk]).order_by("pk")

    def cross():
        list(Task.objects.filter(pk=first.pk).select_for_update())

    def hold():
        for _ in range(50):
            stored("paused", Product.objects.first())
        Task.objects.filter(pk=second.pk).update(losses=1)

    moved = meet(hold, rows.cancel, cross)
    assert moved == 2
    assert len(heard) in (0, 2)
    assert set(heard) <= {first.pk, second.pk}


def meet(hold, verb, cross):
    """Do ``hold``; when a rival waits for that with its ``verb``, ``cross`` it; then commit."""
    with transaction.atomic():
        hold()
        rival = Rival(verb)
        rival.start()
        wait_until(lambda: waits_for_us(rival), pause=0.2)
        cross()
    return rival.outcome()
