"""A scrape looks at what is live and at totals, and never at the history."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from boogie.apps.tasks import Task
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.metrics import figures
from boogie.apps.tasks.models import Rollup
from boogie.apps.tasks.models.rollup import BEGINNING, floor
from tests.project.shop.models import Product
from tests.support.looking import looked_at
from tests.support.plans import plan_of
from tests.support.rows import coherent

pytestmark = pytest.mark.django_db

#: Rows that have ended, and rollups of single hours.
HISTORY = 6000
#: Rows that have not, by status: so large a part of a table waits that a planner may read it all.
LIVE = {states.PAUSED: 20, states.QUEUED: 1500, states.RUNNING: 20}
TASKS = Task._meta.db_table
ROLLUPS = Rollup._meta.db_table
#: What waits is read once; MariaDB then puts it into groups. SQLite counts steps of its machine,
#: some dozens for a row that is looked at.
WAITING = sum(LIVE.values())
LIMIT = {"postgresql": WAITING * 2, "mysql": WAITING * 3, "sqlite": WAITING * 60}


@pytest.fixture(scope="module", autouse=True)
def history(django_db_setup, django_db_blocker):
    """Commit a history that the planner has statistics of; take it away at the end."""
    with django_db_blocker.unblock():
        kind = ContentType.objects.get_for_model(Product)
        Task.objects.bulk_create(_rows(kind), batch_size=500)
        Rollup.objects.bulk_create(_rollups(), batch_size=500)
        words = {"postgresql": "VACUUM ANALYZE", "mysql": "ANALYZE TABLE", "sqlite": "ANALYZE"}
        for table in (TASKS, ROLLUPS):
            with connection.cursor() as cursor:
                cursor.execute(f"{words[connection.vendor]} {table}")
                cursor.fetchall() if connection.vendor == "mysql" else None
        yield
        for model in (Task, Rollup):
            model.objects.all()._raw_delete("default")


def _rows(kind):
    now = datetime.now(UTC)
    statuses = [states.FINISHED] * HISTORY
    statuses += [status for status, number in LIVE.items() for _ in range(number)]
    for n, status in enumerate(statuses):
        about = {"content_type": kind, "object_id": str(n), "object_db": "default"}
        yield Task(
            name=f"task {n % 5}", created=now, queue=f"q{n % 3}", **about, **coherent(status)
        )


def _rollups():
    now = datetime.now(UTC)
    for n in range(HISTORY):
        start = floor(now - n * timedelta(hours=1), "hour")
        key = (start, f"task {n % 5}", "", "finished", "")
        yield Rollup.of("hour", key, (1, 1, 1, [1, 1], [1, 1], start, start, 0, 0))
    for n in range(5):
        key = (BEGINNING, f"task {n}", "", "finished", "")
        yield Rollup.of("total", key, (9, 1, 1, [1, 9], [1, 9], now, now, 0, 0))


READS = {
    "paused": lambda: figures._by_task(Task.objects.paused()),
    "queued": lambda: figures._waiting(Task.objects.all()),
    "running": lambda: figures._by_task(Task.objects.running()),
    "totals": lambda: Rollup.objects.totals(),
}


@pytest.mark.parametrize("name", READS)
def test_each_read_has_an_index(name):
    plan = plan_of(READS[name]())
    assert not plan.scans, plan.text
    assert plan.indexes, plan.text


def test_a_scrape_looks_at_no_history():
    with looked_at() as found:
        read = figures.read()
    assert sum(read.rows.values()) == WAITING
    assert sum(read.ended.values()) == 45
    assert found[0] < LIMIT[connection.vendor]
