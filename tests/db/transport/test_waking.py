"""Of the workers of ``boogie://`` that wait one is told of a row on PostgreSQL, none too few."""

import contextlib
import time
import uuid
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.utils import timezone
from kombu import Consumer, Queue

from boogie.apps.tasks import Message, Task, Worker
from boogie.apps.tasks.broker import requests
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.transport import hand, polling
from boogie.apps.tasks.transport.appetite import Appetite
from boogie.apps.tasks.transport.transport import Transport
from tests.support.judge import steady
from tests.support.rows import columns, stored
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL notifies"),
]

WORKERS = [f"worker@host/{number}" for number in range(6)]
TABLE = Task._meta.db_table


class Hub:
    def add_reader(self, descriptor, callback):
        """Nothing waits here: notifications are read by hand."""

    def remove_reader(self, descriptor):
        """As above."""


def texts(watch):
    """Return the notifications that have come."""
    raw = watch._listener.connection.pgconn
    raw.consume_input()
    while notification := raw.notifies():
        yield notification.extra.decode()


@pytest.fixture
def told():
    """Six workers that wait; a function that returns who was told of what since the last call."""
    for name in WORKERS:
        steady(name)
    Worker.objects.update(queues=["mail", "slow"], listening=Moment(60))
    watch, hub = polling.Watch(), Hub()
    watch._start_listening(hub, lambda: None)

    def read():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [polling.CHANNEL, "the end"])
        found = set()
        wait_until(lambda: found.update(texts(watch)) or "the end" in found, pause=0.001)
        found.remove("the end")
        return [(name, table) for name in WORKERS for table in polling._meant_for(name, found)]

    read.watch = watch
    yield read
    watch.stop_listening(hub)


def test_of_six_workers_one_is_told_of_each_row_and_over_time_all(told):
    whom = set()
    for _ in range(80):
        stored("queued", queue="mail")
        names = told()
        assert len(names) == 1
        whom |= {name for name, _ in names}
    assert whom == set(WORKERS)


def test_a_worker_that_does_not_have_the_queue_is_not_told(told):
    Worker.objects.filter(pk__in=WORKERS[1:]).update(queues=["other"])
    stored("queued", queue="mail")
    assert told() == [(WORKERS[0], TABLE)]
    Message.objects.create(queue="other", payload="{}", created=Moment())
    ((name, table),) = told()
    assert name != WORKERS[0]
    assert table == Message._meta.db_table


def test_who_has_room_is_told_before_who_has_none(told):
    Worker.objects.filter(pk__in=WORKERS[1:]).update(has_room=False)
    for _ in range(5):
        stored("queued", queue="mail")
        assert told() == [(WORKERS[0], TABLE)]
    Worker.objects.update(has_room=False)
    stored("queued", queue="mail")
    assert len(told()) == 1


def test_what_a_busy_worker_offers_others_are_told_of(told, line, monkeypatch):
    monkeypatch.setattr(requests, "is_busy", lambda: True)
    monkeypatch.setattr(hand, "KEPT", 0.0)
    with Consumer(line.channel(), [Queue("mail")], on_message=lambda message: None) as consumer:
        consumer.qos(prefetch_count=4)
        row = stored("queued", queue="mail")
        line.transport._look_and_deliver()
        assert not Task.objects.due().filter(pk=row.pk).exists()
        told()
        line.transport._offer()
        assert Task.objects.due().filter(pk=row.pk).exists()
        assert len(told()) == 2
        line.transport._offer()
        assert told() == []


def test_all_are_told_of_a_queue_that_none_of_them_names(told):
    stored("queued", queue="added by remote control")
    assert len(told()) == len(WORKERS)


def test_one_is_told_of_rows_that_are_queued_again(told):
    row = stored("failed", queue="mail")
    told()
    assert row.retry()
    assert len(told()) == 1


def test_one_transaction_sends_one_notification(told):
    with transaction.atomic():
        for _ in range(20):
            stored("queued", queue="mail")
    assert len(told()) == 1


def workers_read():
    """Return how many rows of workers this transaction has read."""
    with connection.cursor() as cursor:
        table = Worker._meta.db_table
        cursor.execute("SELECT pg_stat_get_xact_tuples_returned(%s::regclass)", [table])
        return cursor.fetchone()[0]


def test_of_rows_that_are_queued_together_nobody_is_looked_for_each(told):
    rows = [stored("paused", queue=queue) for queue in ["mail"] * 500 + ["slow"] * 2]
    Worker.objects.filter(pk__in=WORKERS[:3]).update(queues=["mail"])
    Worker.objects.filter(pk__in=WORKERS[3:]).update(queues=["slow"])
    told()
    with transaction.atomic():
        before = workers_read()
        assert Task.objects.paused().run() == len(rows)
        assert workers_read() - before < 10 * len(WORKERS)
    names = [name for name, _ in told()]
    assert len(names) == 2


def test_who_is_told_in_a_part_that_is_rolled_back_is_told_afterwards(told):
    row = stored("paused", queue="mail")
    told()
    with transaction.atomic():
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            row.run()
            raise ZeroDivisionError
        assert Task.objects.filter(pk=row.pk).run() == 1
    assert len(told()) == 1


def test_of_rows_of_several_queues_somebody_is_told_for_each(told):
    """In one INSERT: who has the one queue may not have the other."""
    Worker.objects.filter(pk__in=WORKERS[:3]).update(queues=["mail"])
    Worker.objects.filter(pk__in=WORKERS[3:]).update(queues=["slow"])
    row = stored("paused")
    told()
    queued = {**columns(row), "status": "queued", "due": timezone.now()}
    Task.objects.bulk_create(
        Task(**{**queued, "id": uuid.uuid4(), "queue": queue}) for queue in ("mail", "slow")
    )
    names = [name for name, _ in told()]
    assert len(names) == 2
    assert names[0] in WORKERS[:3]
    assert names[1] in WORKERS[3:]


def test_what_is_passed_on_is_told_for_each_queue(told):
    Worker.objects.filter(pk__in=WORKERS[:3]).update(queues=["mail"])
    Worker.objects.filter(pk__in=WORKERS[3:]).update(queues=["slow"])
    told.watch.pass_on([TABLE], ["mail", "slow"])
    names = {name for name, _ in told()}
    assert len(names & set(WORKERS[:3])) == len(names & set(WORKERS[3:])) == 2


def test_what_is_passed_on_two_are_told_who_have_the_queue(told):
    Worker.objects.filter(pk__in=WORKERS[4:]).update(queues=["other"])
    whom = set()
    for _ in range(40):
        told.watch.pass_on([TABLE], ["mail"])
        names = told()
        assert len(names) == 2
        whom |= {name for name, _ in names}
    assert whom == set(WORKERS[:4])


def test_what_is_passed_on_while_nobody_waits_nobody_is_told(told):
    Worker.objects.update(listening=None)
    told.watch.pass_on([TABLE], ["mail"])
    assert told() == []


def test_only_who_was_chosen_passes_on():
    text = f"{TABLE}\nworker@host/1\nworker@host/2"
    assert polling._meant_for("worker@host/1", {text}) == {TABLE: True}
    assert polling._meant_for("worker@host/3", {text}) == {}
    assert polling._meant_for("worker@host/3", {TABLE}) == {TABLE: False}


@pytest.mark.parametrize(("alone", "left"), [(True, True), (True, False), (False, True)])
def test_a_worker_that_was_chosen_and_cannot_take_all_passes_on_and_is_chosen_no_more(alone, left):
    said = []
    one = object.__new__(Transport)
    one._hub, one._appetite = None, Appetite()
    one._appetite.hungry = frozenset([Task]) if left else frozenset()
    one._guarded = lambda give, is_look: 1
    one._watch = SimpleNamespace(
        is_told=True,
        say_busy=lambda: said.append("busy"),
        read_notifications=lambda hub: {TABLE: alone},
        pass_on=lambda tables, queues: said.extend(tables),
        listen=lambda hub, callback, busy: said.append(busy),
    )
    one._notified()
    assert said == ([True, TABLE] if alone and left else [])


@pytest.mark.parametrize("is_told", [True, False])
def test_who_is_told_all_the_time_looks_as_often_as_who_is_not(monkeypatch, is_told):
    """Rows become due, and messages are given back, of which nobody tells."""
    monkeypatch.setattr(Transport, "_open_channels", [])
    one = object.__new__(Transport)
    one._hub, one._appetite, one._watch = None, Appetite(), polling.Watch()
    one._watch._listening_since = time.monotonic()
    one._watch.found(1)
    planned = one._watch._next
    monkeypatch.setattr(one._watch, "read_notifications", lambda hub: {TABLE: False})
    if is_told:
        one._notified()
    assert one._watch._next == planned
