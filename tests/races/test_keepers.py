"""Any number of keepers may ring: each due row is rung by one of them."""

import threading
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from boogie.apps.tasks import Task, current_app
from boogie.apps.tasks.broker import doorbell, inspect
from boogie.apps.tasks.keeper import purge, ring
from tests.project.shop.models import Product
from tests.races.rivals import race, while_uncommitted
from tests.support.queues import fresh_pool
from tests.support.rows import stored

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rung(monkeypatch):
    """What was rung, and by which thread; the broker is replaced at its edge."""
    rung = []

    def record(rows):
        rung.extend((row.pk, threading.get_ident()) for row in rows)
        return []

    monkeypatch.setattr(current_app, "needs_ringing", lambda *app: True)
    monkeypatch.setattr(doorbell, "ring", record)
    monkeypatch.setattr(inspect, "depth", lambda queue: 0)
    fresh_pool(monkeypatch)
    return rung


@pytest.fixture
def product(db):
    return Product.objects.create(name="pen")


def test_two_keepers_ring_every_due_row_once(rung, product, monkeypatch):
    monkeypatch.setattr(ring, "BATCH", 10)

    def until_nothing_is_due():
        while ring.ring_due([""]):
            pass

    for _ in range(3):
        rows = {stored("queued", product).pk for _ in range(60)}
        race(*[until_nothing_is_due] * 3)
        assert sorted(pk for pk, _ in rung) == sorted(rows)
        rung.clear()
        Task.objects.all().delete()


def test_rows_that_one_keeper_takes_the_other_does_not_get(rung, product):
    rows = {stored("queued", product).pk for _ in range(5)}
    assert while_uncommitted(*[partial(ring.ring_due, [""])] * 2) == (5, 0)
    assert {pk for pk, _ in rung} == rows
    assert len(rung) == 5


def test_two_purges_delete_every_row_once(product):
    for _ in range(30):
        stored("finished", product, ended=timezone.now() - timedelta(days=400))
    assert sum(race(purge.purge, purge.purge)) == 30
    assert Task.objects.count() == 0
