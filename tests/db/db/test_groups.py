"""Groups are read from an index one after the other, and something of each in one statement."""

import uuid

import pytest
from django.db import connection
from django.db.models import F

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.reading import groups
from tests.project.shop.models import Product
from tests.support.looking import looked_at
from tests.support.rows import stored

pytestmark = pytest.mark.django_db

BY = ("queue", "-priority")
LANES = [("a", 9), ("a", 0), ("b", 5), ("c", 9), ("c", 4), ("c", 0)]


@pytest.fixture
def lanes():
    pen = Product.objects.create(name="pen")
    for queue, priority in LANES:
        for _ in range(3):
            stored("queued", pen, queue=queue, priority=priority)
    stored("paused", pen, queue="b", priority=9)
    return Task.objects.queued().filter(due__isnull=False)  # as the index has them


def exact(rows):
    """Skip where indexes are of all rows: "downwards" and conditions are not for them."""
    if not groups.has_partial_indexes(rows):
        pytest.skip("this database has no partial indexes")


def test_groups_come_in_the_order_of_the_index(lanes):
    exact(lanes)
    assert groups.distinct(lanes, BY, 10) == LANES
    assert groups.distinct(lanes, BY, 4) == LANES[:4]
    assert groups.distinct(lanes.filter(queue="z"), BY, 10) == []


@pytest.mark.parametrize("place", range(len(LANES)))
def test_groups_go_on_behind_a_place(lanes, place):
    exact(lanes)
    assert groups.distinct(lanes, BY, 10, LANES[place]) == LANES[place + 1 :]


def test_groups_of_one_column_and_upwards_are_the_same_everywhere(lanes):
    assert groups.distinct(lanes, ("queue",), 10) == [("a",), ("b",), ("c",)]
    assert groups.distinct(lanes, ("queue",), 10, ("a",)) == [("b",), ("c",)]
    upwards = sorted(LANES)
    rows, whole = lanes, Task.objects.queued()
    assert groups.distinct(rows, ("queue", "priority"), 10, whole=whole) == upwards
    behind = groups.distinct(rows, ("queue", "priority"), 10, upwards[2], whole=whole)
    assert behind == upwards[3:]


def test_each_group_is_summed_up_to_a_cap(lanes):
    asked = [*LANES, ("z", 0)]
    found = groups.summaries(lanes.order_by("pk"), BY, asked, 2, most=("MAX", F("due")))
    assert [each["count"] for each in found] == [2] * len(LANES) + [0]
    assert all(each["most"].tzinfo for each in found[:-1])
    assert found[-1]["most"] is None


def test_the_first_row_of_each_group_is_in_the_order_of_the_rows(lanes):
    asked = [*LANES, ("z", 0)]
    oldest = groups.firsts(lanes.order_by("pk"), BY, asked)
    newest = groups.firsts(lanes.order_by("-pk"), BY, asked)
    for (queue, priority), first, last in zip(LANES, oldest, newest, strict=False):
        keys = (
            lanes.filter(queue=queue, priority=priority).order_by("pk").values_list("pk", flat=True)
        )
        assert (first, last) == (keys[0], keys[2])
    assert oldest[-1] is newest[-1] is None


def test_more_groups_than_one_statement_takes_are_asked_for_in_several(lanes, monkeypatch):
    monkeypatch.setattr(groups, "AT_ONCE", 4)
    found = groups.summaries(lanes.order_by("pk"), BY, LANES, 9)
    assert [each["count"] for each in found] == [3] * len(LANES)


def test_finding_groups_does_not_look_at_their_rows(lanes):
    exact(lanes)
    values = Task.objects.values().get(pk=lanes.filter(queue="a").first().pk)
    rows = [Task(**{**values, "id": uuid.uuid4()}) for _ in range(3000)]
    Task.objects.bulk_create(rows, batch_size=200)
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {Task._meta.db_table}")
    with looked_at() as found:
        assert groups.distinct(lanes, BY, 10) == LANES
    assert found[0] < len(rows) / 3
