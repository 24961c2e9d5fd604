"""
No read that work waits for scans the history: plans, and rows that were really looked at.

A history of some thousand rows stands for one of millions: what looks at a
share of it is caught either way.
"""

import re
import uuid
from datetime import timedelta

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import F
from django.utils import timezone

from boogie.apps.tasks import Message, Task, current_app
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.ids import uuid7
from boogie.apps.tasks.db.reserve import Reservation
from boogie.apps.tasks.execution import start
from boogie.apps.tasks.keeper import purge
from boogie.apps.tasks.lifecycle import states, transitions
from boogie.apps.tasks.live import states as live_states
from boogie.apps.tasks.live.tokens import Watched
from tests.project.press.models import Page
from tests.project.shop.models import Product
from tests.support.looking import looked_at
from tests.support.rows import coherent
from tests.support.runs import declared

pytestmark = pytest.mark.django_db

#: Finished rows; of how many objects; each object has rows of each of the tasks.
HISTORY, OBJECTS, TASKS = 6000, 300, 5
QUEUED = 30
#: What a read may look at, far below the history; tests before it leave dead rows. SQLite
#: counts steps of its machine, some dozens for a row that is returned.
LIMIT = {"postgresql": HISTORY / 4, "mysql": 600, "sqlite": HISTORY}
TABLE = Task._meta.db_table

nothing = declared(lambda product: None)


@pytest.fixture(scope="module", autouse=True)
def history(django_db_setup, django_db_blocker):
    """Commit a history that the planner has statistics of; take it away at the end."""
    with django_db_blocker.unblock():
        first = Product.objects.create(name="first")
        Product.objects.bulk_create([Product(name="thing") for _ in range(OBJECTS - 1)])
        products = list(Product.objects.filter(pk__gte=first.pk).order_by("pk"))
        kind = ContentType.objects.get_for_model(Product)
        Task.objects.bulk_create(_rows(products, kind), batch_size=500)
        with connection.cursor() as cursor:
            # What other tests have left dead in the indexes of PostgreSQL is not to be counted.
            words = {"postgresql": "VACUUM ANALYZE", "mysql": "ANALYZE TABLE", "sqlite": "ANALYZE"}
            cursor.execute(f"{words[connection.vendor]} {TABLE}")
            cursor.fetchall() if connection.vendor == "mysql" else None
        yield first
        Task.objects.all()._raw_delete("default")
        Product.objects.filter(pk__gte=first.pk).delete()


def _rows(products, kind):
    now = timezone.now()
    statuses = [states.FINISHED] * HISTORY + [states.QUEUED] * QUEUED
    statuses += [states.RUNNING, states.FAILED, states.CANCELLED, states.PAUSED] * 5
    for n, status in enumerate(statuses):
        ago = timedelta(days=20 - 19 * n / len(statuses))
        fields = coherent(status)
        if status in states.ENDED:
            fields["ended"] = now - ago
        yield Task(
            pk=_id(now - ago),
            name=nothing.name if n % 1000 == 0 else f"tests.plans.task_{n % TASKS}",
            content_type=kind,
            object_id=str(products[n // TASKS % OBJECTS].pk),
            object_db="default",
            queue=f"queue_{n % 3}",
            created=now - ago,
            **fields,
        )


def _id(moment):
    """Return an id as it would have been made at that moment."""
    milliseconds = int(moment.timestamp() * 1000)
    return uuid.UUID(int=milliseconds << 80 | uuid7().int & (1 << 80) - 1)


# --- plans ----------------------------------------------------------------------------

READY, DUE, ENDED = "boogie_tasks_task_ready", "boogie_tasks_task_due", "boogie_tasks_task_ended"
RUNNING, OBJECT, NAME = (f"boogie_tasks_task_{end}" for end in ("running", "object", "name"))

#: What is read, and the indexes of which one has to be in its plan.
READS = {
    "ready_in()": (lambda first: _all().ready_in(["queue_0"])[:10], {READY, DUE}),
    "due()": (lambda first: _all().due(), {DUE, READY}),
    "tasks(obj)": (lambda first: nothing.tasks(first), {OBJECT}),
    "tasks(obj), which may be of many classes": (lambda first: nothing.tasks(_page()), {OBJECT}),
    "finished(obj)": (lambda first: nothing.finished(first), {OBJECT}),
    "finished()": (lambda first: nothing.finished(), {NAME}),
    "results(obj)": (lambda first: nothing.results(first)._rows, {OBJECT}),
    "orphaned()": (lambda first: _all().orphaned(["alive"], 20, 3600), {RUNNING}),
    "to_terminate()": (
        lambda first: _all().to_terminate("worker"),
        {"boogie_tasks_task_terminate", RUNNING},
    ),
    "purge": (
        lambda first: (
            _all()
            .filter(status="finished", ended__lt=Moment(-30 * 86400))
            .order_by("ended")
            .values_list("pk")[:1000]
        ),
        {ENDED},
    ),
    "the newest rows of an object": (
        lambda first: live_states.newest([Watched.of(first, 5)]),
        {OBJECT},
    ),
    "the row of a doorbell": (
        lambda first: _all().filter(pk=_all().first().pk),
        {"PRIMARY", "pkey", "autoindex"},
    ),
}


def _all():
    return Task.objects.all()


def _page():
    """Return a page, which may be what seven models are, as if it had been read."""
    page = Page(pk=1)
    page._state.adding, page._state.db = False, "default"
    return page


def scans(plan):
    """Return whether a plan reads a whole table."""
    if connection.vendor == "postgresql":
        return f"Seq Scan on {TABLE}" in plan
    if connection.vendor == "sqlite":
        return re.search(rf"SCAN {TABLE}(?! USING)", plan) is not None
    return re.search(r"\bALL\b", plan) is not None


@pytest.mark.parametrize("name", READS)
def test_a_read_uses_an_index(history, name):
    read, indexes = READS[name]
    plan = read(history).explain()
    assert not scans(plan), plan
    assert any(index in plan for index in indexes), plan


@pytest.mark.django_db(transaction=True)  # MariaDB commits before it analyses a table
def test_the_messages_that_workers_hold_are_found_among_many_that_wait():
    now = timezone.now()
    waiting = [Message(queue="q", payload="{}", created=now) for _ in range(2000)]
    Message.objects.bulk_create([*waiting, Message(queue="q", worker="dead", created=now)])
    table = Message._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {'TABLE ' if connection.vendor == 'mysql' else ''}{table}")
        cursor.fetchall() if connection.vendor == "mysql" else None
    orphaned = Message.objects.held().exclude(worker__in=["alive"])
    assert "boogie_tasks_message_held" in orphaned.explain()
    assert orphaned.count() == 1


def test_a_read_that_no_index_serves_is_recognised(history):
    assert scans(_all().filter(retries=7).explain())


# --- rows looked at -------------------------------------------------------------------


def _claim():
    row = _all().queued().filter(queue="queue_1")[0]
    with looked_at() as found:
        assert start.claim_row(str(row.pk), [row.name]).is_running
    return found


def _reserve():
    with looked_at() as found:
        due = (("due", Moment(60)),)
        rows = Reservation(Task, ("queue_0",), 5, ("priority",), due).take("default")
    assert len(rows) == 5
    return found


def _clean_the_object(history):
    with looked_at() as found:
        assert nothing.clean(history) > 0
    return found


def test_claiming_a_row_looks_at_no_history():
    current_app.celery_app().finalize()
    assert _claim()[0] < LIMIT[connection.vendor]


def test_reserving_rows_looks_at_no_history():
    assert _reserve()[0] < LIMIT[connection.vendor]


def test_cleaning_the_rows_of_an_object_looks_at_no_others(history):
    assert _clean_the_object(history)[0] < LIMIT[connection.vendor]


def test_a_purge_that_finds_nothing_old_looks_at_no_history():
    with looked_at() as found:
        assert purge.purge() == 0
    assert found[0] < LIMIT[connection.vendor]


def test_a_purge_looks_at_what_it_removes(history):
    Task.objects.filter(pk__in=list(_all().finished().values_list("pk", flat=True)[:10])).update(
        ended=F("ended") - timedelta(days=60)
    )
    with looked_at() as found:
        assert purge.purge() == 10
    assert found[0] < LIMIT[connection.vendor]


@pytest.mark.parametrize("name", [name for name in READS if name != "purge"])
def test_a_read_looks_at_no_history(history, name):
    rows = READS[name][0](history)
    with looked_at() as found:
        list(rows)
    assert found[0] < LIMIT[connection.vendor]


def test_the_newest_rows_of_two_objects_are_found_among_theirs_alone(history):
    two = Product.objects.filter(pk__gte=history.pk).order_by("pk")[:2]
    watched = [Watched.of(one, 3) for one in two]
    with looked_at() as found:
        assert len(live_states.newest(watched)) == 6
    assert found[0] < 2 * LIMIT[connection.vendor]


def test_a_look_at_history_is_recognised():
    with looked_at() as found:
        list(_all().filter(retries=7))
    assert found[0] > LIMIT[connection.vendor]


# --- after a burst --------------------------------------------------------------------

#: Rows that came since the statistics were made.
BURST = 3000


@pytest.fixture
def burst(history):
    """Have statistics of a table without live rows, then insert many; return two of them."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            _all().exclude(status__in=states.ENDED)._raw_delete("default")
            cursor.execute(f"ANALYZE {TABLE}")
    kind = ContentType.objects.get_for_model(Product)
    common = {"content_type": kind, "object_id": str(history.pk), "object_db": "default"}
    now = timezone.now()
    rows = [
        Task(name=nothing.name, queue="queue_0", created=now, **common, **coherent(status))
        for status in (states.QUEUED, states.RUNNING)
        for _ in range(BURST)
    ]
    Task.objects.bulk_create(rows, batch_size=500)
    return rows[BURST // 2], rows[BURST + BURST // 2]


BY_KEY = {
    "claim": lambda queued, running: start.claim_row(str(queued.pk), [queued.name]),
    "release": lambda queued, running: transitions.release(_all().filter(pk=queued.pk)),
    "pause": lambda queued, running: queued.pause(),
    "cancel": lambda queued, running: queued.cancel(),
    "cancel some": lambda queued, running: _all().filter(pk__in=[queued.pk, running.pk]).cancel(),
    "finish": lambda queued, running: transitions.finish(_all(), running, 1),
    "fail": lambda queued, running: transitions.fail(_all(), running, {"type": "E"}),
}


@pytest.mark.parametrize("what", BY_KEY)
def test_a_row_is_found_by_its_key_also_after_a_burst(burst, what):
    with looked_at() as found:
        assert BY_KEY[what](*burst)
    assert found[0] < LIMIT[connection.vendor]
