"""Any number of keepers may count at once: what they write is what one would have written."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import Error

from boogie.apps.tasks import Task
from boogie.apps.tasks.keeper import rollups
from boogie.apps.tasks.models import Rollup, Watermark
from boogie.apps.tasks.models.rollup import FIGURES, KEY
from tests.project.shop.models import Product
from tests.races.rivals import race
from tests.support.ends import count_all, ended

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now(db):
    """Store what ended in the last hours; return the time, naive in UTC."""
    now = datetime.now(UTC).replace(tzinfo=None)
    product = Product.objects.create(name="pen")
    for n in range(60):
        ended(product, now - n * 3 * MINUTE, name=f"task {n % 4}", queue=str(n % 2))
    return now


def kept():
    return sorted(map(repr, Rollup.objects.values_list("span", *KEY, *FIGURES)))


def until_all_is_counted():
    """Count as a keeper does, which begins anew when the database refuses."""
    for _ in range(60):
        try:
            if not rollups.count():
                return
        except Error:
            continue


def test_keepers_that_count_at_once_write_what_one_writes(now, monkeypatch):
    monkeypatch.setattr(rollups, "_is_claimed", lambda: True)
    monkeypatch.setattr(rollups, "EVERY", 0.0)
    race(*[until_all_is_counted] * 3)
    count_all(now)
    first = kept()
    Rollup.objects.all().delete()
    Watermark.objects.all().delete()
    count_all(now)
    assert first == kept() != []


def test_one_of_several_keepers_claims_a_turn(now):
    count_all(now)
    Watermark.objects.update(due=now.replace(tzinfo=UTC))
    assert sorted(race(*[rollups._is_claimed] * 4)) == [False, False, False, True]


def test_who_finds_the_watermark_moved_writes_nothing(now):
    count_all(now)
    first, mark = kept(), Watermark.objects.get().since
    ended(Product.objects.get(), now)
    assert rollups._turn(Task.objects.all(), rollups.BEGINNING, now.replace(tzinfo=UTC)) is True
    assert kept() == first
    assert Watermark.objects.get().since == mark
