"""The keeper rings in step with the workers: how many doorbells wait in a queue of the broker."""

import pytest
from django.test import override_settings
from django.utils import timezone

from boogie.apps.tasks import Task, current_app
from boogie.apps.tasks.broker import doorbell, inspect
from boogie.apps.tasks.keeper import ring
from tests.project.shop.models import Product
from tests.support.rows import HOUR, stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db


class Broker:
    """Stands in for the broker: queues of ids, and a worker that takes from them."""

    def __init__(self):
        self.queues = {}
        self.asked = []
        self.deepest = 0

    def depth(self, queue):
        self.asked.append(queue)
        return len(self.queues.get(queue, []))

    def ring(self, rows):
        for row in rows:
            self.queues.setdefault(row.queue, []).append(row.pk)
        self.deepest = max(self.deepest, *map(len, self.queues.values()), 0)
        return []

    def take(self, queue, count):
        """Claim the rows of so many doorbells, as workers do."""
        taken, self.queues[queue] = self.queues[queue][:count], self.queues[queue][count:]
        rows = Task.objects.filter(pk__in=taken, status="queued")
        return rows.update(status="running", due=None, started=timezone.now(), attempt=1)


@pytest.fixture
def broker(monkeypatch):
    broker = Broker()
    monkeypatch.setattr(current_app, "needs_ringing", lambda *app: True)
    monkeypatch.setattr(doorbell, "ring", broker.ring)
    monkeypatch.setattr(inspect, "depth", broker.depth)
    monkeypatch.setattr(ring, "BATCH", 10)
    return broker


def rows_in(queue, count):
    return [stored("queued", queue=queue) for _ in range(count)]


def test_many_due_rows_never_bring_a_queue_above_a_batch(broker):
    rows_in("q", 35)
    assert [ring.ring_due(["q"]) for _ in range(3)] == [10, 0, 0]
    assert len(broker.queues["q"]) == broker.deepest == 10


def test_the_keeper_rings_as_many_as_the_workers_have_taken(broker):
    rows_in("q", 35)
    rung = []
    for taken in (0, 4, 10, 3, 10, 10):
        if taken:
            broker.take("q", taken)
        rung.append(ring.ring_due(["q"]))
    assert rung == [10, 4, 10, 3, 8, 0]
    assert broker.deepest == 10
    broker.take("q", 10)
    assert Task.objects.running().count() == sum(rung) == 35


@override_settings(BOOGIE_TASKS={"RING_AGAIN": 0.001})
def test_rows_that_wait_behind_a_full_queue_are_not_rung_again_and_again(broker):
    rows_in("q", 15)
    for _ in range(5):
        ring.ring_due(["q"])
    assert len(broker.queues["q"]) == 10


def test_a_queue_filled_by_somebody_else_counts(broker):
    rows_in("q", 5)
    broker.queues["q"] = ["foreign"] * 12
    assert ring.ring_due(["q"]) == 0
    assert Task.objects.due().count() == 5
    del broker.queues["q"][:6]
    assert ring.ring_due(["q"]) == 4


def test_each_queue_has_a_batch_of_its_own(broker):
    rows_in("full", 20)
    rows_in("free", 3)
    rows_in("not ours", 1)
    broker.queues["full"] = ["foreign"] * 10
    assert ring.ring_due(["", "full", "free"]) == 3
    assert "not ours" not in broker.queues


def test_the_broker_is_asked_only_about_queues_with_due_rows(broker):
    stored("queued", queue="a", due=timezone.now() + HOUR)
    assert ring.ring_due(["a", "b"]) == 0
    assert broker.asked == []
    rows_in("b", 1)
    assert ring.ring_due(["a", "b"]) == 1
    assert broker.asked == ["b"]


def test_a_row_that_was_lost_is_rung_at_two_consumers(broker):
    """A broker gives messages to its consumers in turn; one of them may be frozen."""
    rows = [stored("queued", queue="q", losses=losses) for losses in (0, 1, 3)]
    assert ring.ring_due(["q"]) == 3
    rung = [row.pk for row in rows for _ in range(2 if row.losses else 1)]
    assert sorted(broker.queues["q"]) == rung
    turns = [place for place, pk in enumerate(broker.queues["q"]) if pk == rows[1].pk]
    assert turns[1] == turns[0] + 1


def test_a_row_whose_second_doorbell_fails_stays_due(broker, monkeypatch):
    lost = stored("queued", queue="q", losses=1)
    monkeypatch.setattr(doorbell, "ring", lambda bells: bells[1:])
    assert ring.ring_due(["q"]) == 0
    assert Task.objects.due().get() == lost


def test_rows_of_each_are_rung_with_higher_priorities_first(broker):
    products = [Product.objects.create(name="pen") for _ in range(8)]
    low = declared(queue="q", priority=1)(lambda product: None).each(products)
    high = declared(queue="q", priority=9)(lambda product: None).each(products)
    assert ring.ring_due(["q"]) == 10
    assert set(high.values_list("pk", flat=True)) < set(broker.queues["q"])
    assert low.filter(pk__in=broker.queues["q"]).count() == 2
