"""Producers beside workers that fetch: none is told of a deadlock, whatever the isolation level."""

import threading

import pytest
from django.db import OperationalError, connection, connections

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.reserve import Reservation
from tests.project.shop.models import Product
from tests.races.rivals import Rival
from tests.support.runs import declared

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
            try:
                due.take("default")
            except OperationalError:
                connection.close()  # its worker looks again

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
