"""Counting, and reading what was counted, looks at no history and at no rollups of other times."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from boogie.apps.tasks import Task
from boogie.apps.tasks.keeper import rollups
from boogie.apps.tasks.models import Rollup, Watermark
from boogie.apps.tasks.rollups import figures, ranges, tallies
from tests.project.shop.models import Product
from tests.support.looking import looked_at
from tests.support.rows import coherent

pytestmark = pytest.mark.django_db

HISTORY = 6000
ENDED = "boogie_tasks_task_ended"
SPAN = "boogie_tasks_rollup_span"


@pytest.fixture(scope="module", autouse=True)
def history(django_db_setup, django_db_blocker):
    """Commit rows that ended in the last weeks, and rollups; with statistics of both."""
    now = datetime.now(UTC)
    with django_db_blocker.unblock():
        kind = ContentType.objects.get_for_model(Product)
        Task.objects.bulk_create(_rows(now, kind), batch_size=500)
        Rollup.objects.bulk_create(_rollups(now), batch_size=500)
        for table in (Task._meta.db_table, Rollup._meta.db_table):
            with connection.cursor() as cursor:
                cursor.execute(f"ANALYZE {'TABLE ' if connection.vendor == 'mysql' else ''}{table}")
                cursor.fetchall() if connection.vendor == "mysql" else None
        yield now
        for model in (Task, Rollup, Watermark):
            model.objects.all()._raw_delete("default")


def _rows(now, kind):
    for n in range(HISTORY):
        fields = {**coherent(["finished", "failed"][n % 10 == 0]), "ended": now - n * MINUTES}
        about = {"content_type": kind, "object_id": str(n), "object_db": "default"}
        yield Task(name=f"task {n % 5}", created=now, **about, **fields)


MINUTES = timedelta(minutes=5)


def _rollups(now):
    for n in range(HISTORY):
        start = rollups.floor(now - n * MINUTES, "minute")
        key = (start, f"task {n % 5}", "", "finished", "")
        yield Rollup.of("minute", key, (1, 1, 1, [1, 1], [1, 1], start, start, 0, 0))


def scans(queryset, table):
    plan = queryset.explain()
    if connection.vendor == "postgresql":
        return f"Seq Scan on {table}" in plan
    if connection.vendor == "sqlite":
        return re.search(rf"SCAN {table}(?! USING)", plan) is not None
    return re.search(r"\bALL\b", plan) is not None


def test_what_is_counted_is_found_by_the_index_on_ends(history):
    rows = tallies.ended_since(Task.objects.all(), history - MINUTES).filter(ended__lt=history)
    assert not scans(rows, Task._meta.db_table)
    assert ENDED in rows.explain()


def test_whether_there_is_something_to_count_is_found_by_the_same_index(history):
    rows = tallies.ended_since(Task.objects.all(), history)
    assert not scans(rows.values("pk"), Task._meta.db_table)
    assert ENDED in rows.values("pk").explain()


def test_figures_are_read_by_span_and_time():
    range_ = ranges.Range.parse({"range": "1h"})
    found = figures._of_pieces(Rollup.objects.all(), range_)
    assert not scans(found, Rollup._meta.db_table)
    assert SPAN in found.explain()


def test_a_look_for_something_to_count_looks_at_no_history(history):
    Watermark.objects.create(pk=1, since=history + timedelta(seconds=1), due=history - MINUTES)
    with looked_at() as found:
        assert rollups.count() is False
    assert found[0] < HISTORY / 10
