"""What holds rows back, as people ask for it and read it: filter, list, status, page of a row."""

import io
import json
import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from boogie.apps.tasks import Concurrency, Rate, Task, limits, queues
from boogie.apps.tasks.broker import inspect
from boogie.apps.tasks.execution import start
from boogie.apps.tasks.models import Hold, Limit
from boogie.apps.tasks.monitoring import health, walking
from boogie.apps.tasks.monitoring.filters import FilterError, Filters
from boogie.apps.tasks.monitoring.held import lines, rows
from tests.project.shop.models import Product
from tests.support.looking import looked_at
from tests.support.plans import plan_of
from tests.support.rows import coherent, stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(databases=["default"])

LIST = reverse("admin:boogie_tasks_task_changelist")

charge = declared(
    lambda product: None,
    name="db.held.charge",
    queue="slow",
    limits=[Concurrency(1, by="name", name="payments")],
)
paced = declared(
    lambda product: None, name="db.held.paced", limits=[Rate(1, per=3600, name="letters (all)")]
)


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def ink():
    return Product.objects.create(name="ink")


@pytest.fixture
def line(pen):
    """A row that runs, and two that wait for it."""
    made = [charge.delayed(pen) for _ in range(3)]
    begun = [start.claim(str(row.pk), row.name) is not None for row in made]
    assert begun == [True, False, False]
    for row in made:
        row.refresh_from_db()
    return made


@pytest.fixture
def root(client):
    user = get_user_model().objects.create_superuser("root")
    client.force_login(user)
    return user


def found(text, **given):
    filters = Filters.parse({"held_by": text, **given})
    looked = walking.look(filters, walking.newest(filters), 50)
    assert set(looked.rows) == set(filters.apply(Task.objects.all()))
    assert looked.exhausted
    return set(looked.rows)


# --- the filter -----------------------------------------------------------------------


def test_rows_are_found_by_the_limit_that_holds_them(line, ink):
    _running, second, third = line
    other = charge.delayed(ink)
    assert start.claim(str(other.pk), other.name)
    last = charge.delayed(ink)
    assert not start.claim(str(last.pk), last.name)
    assert found("payments (pen)") == {second, third}
    assert found("payments (ink)") == {last}
    assert found("payments") == {second, third, last}
    assert found(limits.key_of("payments", "pen")) == {second, third}
    assert found("payments (nobody)") == set()
    assert found("payments", object=f"shop.product:{ink.pk}") == {last}
    assert found("payments", status="running") == set()


def test_a_limit_whose_name_has_brackets_is_found(pen):
    made = [paced.delayed(pen) for _ in range(2)]
    assert [start.claim(str(row.pk), row.name) is not None for row in made] == [True, False]
    assert found("letters (all)") == {made[1]}


def test_a_line_that_nobody_has_tried_yet_is_found(pen):
    _first, second = charge.delayed(pen), charge.delayed(pen)
    assert not Limit.objects.exists()
    assert found("payments (pen)") == {second}


def test_a_limit_of_many_values_is_found_by_its_name(line, monkeypatch):
    monkeypatch.setattr("boogie.apps.tasks.monitoring.held.by.MOST", 0)
    assert found("payments") == set(line[1:])


@pytest.mark.parametrize("kind", ["queue", "task"])
def test_rows_are_found_by_the_hold_that_holds_them(pen, kind):
    waiting, parked = (
        stored("queued", pen, name=charge.name, queue="slow"),
        stored("queued", pen, name=charge.name, queue="slow", due=None, held_by="queue:slow"),
    )
    stored("queued", pen, queue="fast")
    stored("running", pen, name=charge.name, queue="slow")
    charge.schedule(3600, pen)
    what = "queue:slow" if kind == "queue" else f"task:{charge.name}"
    assert found(what) == set()
    queues.hold("slow") if kind == "queue" else charge.hold()
    assert found(what) == {waiting, parked}


@pytest.mark.parametrize("text", ["nothing", "nothing (1)", "limit:0", "payment"])
def test_what_holds_nothing_is_refused(text):
    with pytest.raises(FilterError, match=f"held_by: no limit or hold is called '{text[:7]}"):
        Filters.parse({"held_by": text})


def test_it_is_said_in_words():
    words = {
        "payments (5)": "all tasks held by the limit payments (5)",
        "queue:slow": "all tasks held by the hold of the queue slow",
        "task:a.b": "all tasks held by the hold of the task a.b",
    }
    assert {text: Filters.parse({"held_by": text}).in_words() for text in words} == words


# --- where people read it -------------------------------------------------------------


def listed(*args):
    out = io.StringIO()
    call_command("boogie_tasks", "list", *args, stdout=out)
    return out.getvalue()


def test_the_command_lists_them_and_says_by_what(line, pen):
    said = listed("--held-by", "payments (pen)")
    assert said.count("held by the limit payments (pen)") == len(said.splitlines()) == 2
    shown = {one["id"]: one["held_by"] for one in json.loads(listed("--json"))}
    assert [shown[str(row.pk)] for row in line] == [None, "payments (pen)", "payments (pen)"]
    with pytest.raises(CommandError, match="no limit or hold is called 'nothing'"):
        listed("--held-by", "nothing")
    queues.hold("slow")
    assert listed("--held-by", "queue:slow").count("held by the hold of the queue slow") == 2


def test_the_status_says_how_many_wait_for_what(line, pen, monkeypatch):
    monkeypatch.setattr(inspect, "answers", lambda: True)
    out = io.StringIO()
    queues.hold("letters")
    stored("queued", pen, queue="letters")
    stored("queued", pen, queue="letters", due=None, held_by="queue:letters")
    with pytest.raises(SystemExit):
        call_command("boogie_status", stdout=out)
    said = r"2 row\(s\) are held by the limit payments \(pen\), the oldest for \d+ s"
    assert re.search(said, out.getvalue())
    assert "Held: queue letters (no living worker serves this queue), 2 row(s) wait since" in (
        out.getvalue()
    )
    seen = health.examine(history=True)
    assert [(one.what, one.rows) for one in seen.lines] == [("payments (pen)", 2)]
    assert [one["rows"] for one in seen.held] == [2]
    assert health.examine().held[0]["rows"] is None


def test_the_dashboard_says_how_many_wait_for_what_and_leads_there(client, root, line, pen):
    queues.hold("letters", reason="it moves")
    stored("queued", pen, queue="letters")
    url = reverse("admin:boogie_tasks_dashboard")
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        said = client.get(url).content.decode()
    assert len(captured) <= 15
    assert ">Held by the limit payments (pen): " in said
    assert f'<a href="{LIST}?held_by=payments%20%28pen%29">2 tasks wait</a>' in said
    assert f'<a href="{LIST}?held_by=queue%3Aletters">1 task waits</a>' in said
    shown = client.get(LIST, {"held_by": "payments (pen)"}).content.decode()
    assert shown.count('<span class="boogie-held">held by the limit payments (pen)</span>') == 2
    assert "Held by: <b>the limit payments (pen)</b>" in shown


def test_the_page_of_a_row_says_since_when_and_who_is_first(client, root, line):
    first, second, third = line
    url = reverse("admin:boogie_tasks_task_change", args=[third.pk])
    with CaptureQueriesContext(connection) as captured:
        said = client.get(url).content.decode()
    assert len(captured) <= 15
    assert "held by the limit payments (pen)" in said
    assert f'href="{LIST}?held_by=payments%20%28pen%29"' in said
    assert "1 of 1 run" in said
    assert "1 task before it" in said
    for row in (first, second):
        assert reverse("admin:boogie_tasks_task_change", args=[row.pk]) in said
    said = client.get(reverse("admin:boogie_tasks_task_change", args=[second.pk])).content.decode()
    assert "none before it" in said
    said = client.get(reverse("admin:boogie_tasks_task_change", args=[first.pk])).content.decode()
    assert "boogie-waits" not in said


def test_the_page_of_a_row_says_when_a_rate_lets_it_start(client, root, pen):
    made = [paced.delayed(pen) for _ in range(2)]
    assert [start.claim(str(row.pk), row.name) is not None for row in made] == [True, False]
    made[1].refresh_from_db()
    waits = rows.of_row(made[1], [])
    assert waits.next_start == Limit.objects.get().next_start
    assert waits.room == ""
    url = reverse("admin:boogie_tasks_task_change", args=[made[1].pk])
    assert "the next may start at" in client.get(url).content.decode()


def test_the_page_of_a_row_says_which_hold_holds_it_and_since_when(client, root, pen):
    row = stored("queued", pen, queue="slow")
    queues.hold("slow", by=root, reason="why")
    said = client.get(reverse("admin:boogie_tasks_task_change", args=[row.pk])).content.decode()
    assert "held by the hold of the queue slow" in said
    assert f'href="{LIST}?held_by=queue%3Aslow"' in said
    assert "The queue slow is held, by root, since" in said


def test_where_nothing_waits_nothing_is_asked(pen):
    made = [stored("running", pen), stored("finished", pen)]
    with CaptureQueriesContext(connection) as captured:
        assert rows.of_rows(made) == {}
        assert rows.of_row(made[0], []) is None
    assert len(captured) == 0
    with CaptureQueriesContext(connection) as captured:
        assert lines.longest(1000) == ([], [])
    assert len(captured) == 1


# --- what it reads --------------------------------------------------------------------

#: Rows that are held back, and those of others; far more than a read may look at.
PARKED, OTHERS, KEYS = 3000, 3000, 10
CAP = 20
LOOKED = {"postgresql": 1500, "mysql": 1500, "sqlite": 25_000}


@pytest.fixture(scope="module")
def crowd(django_db_setup, django_db_blocker):
    """Commit many rows that are held back, and many that are not; take them away at the end."""
    with django_db_blocker.unblock():
        product = Product.objects.create(name="first")
        Task.objects.bulk_create(_rows(product), batch_size=500)
        keys = [limits.key_of("payments", f"{n}") for n in range(KEYS)]
        Limit.objects.bulk_create(
            Limit(key=key, name="payments", value=str(n)) for n, key in enumerate(keys)
        )
        _analyze()
        yield
        Task.objects.all()._raw_delete("default")
        Limit.objects.all()._raw_delete("default")
        product.delete()


def _analyze():
    if connection.vendor == "sqlite":  # it would have these statistics in all tests after this
        return
    # What other tests leave dead in indexes is taken away before reads are counted.
    words = {"postgresql": "VACUUM (ANALYZE, INDEX_CLEANUP ON)", "mysql": "ANALYZE TABLE"}
    with connection.cursor() as cursor:
        cursor.execute(f"{words[connection.vendor]} {Task._meta.db_table}")
        cursor.fetchall() if connection.vendor == "mysql" else None


def _rows(product):
    kind = ContentType.objects.get_for_model(Product)
    common = {"content_type": kind, "object_id": str(product.pk), "object_db": "default"}
    for number in range(PARKED + OTHERS):
        row = {**common, "created": timezone.now(), **coherent("queued")}
        if number % 2:
            key = limits.key_of("payments", f"{number % (2 * KEYS) // 2}")
            row |= {"due": None, "held_by": key, "name": "db.held.many"}
        else:
            row |= {"name": f"db.held.other_{number % 7}", "queue": f"queue_{number % 8}"}
        yield Task(**row)


def cost(read):
    """Return what it looks at; by other statistics, which are a sample, if these have misled."""
    for _ in range(3):
        with looked_at() as counted:
            read()
        if counted[0] < LOOKED[connection.vendor] or connection.vendor != "postgresql":
            break
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {Task._meta.db_table}")
    return counted[0]


def test_a_line_is_read_by_its_index(crowd):
    rows_of = Filters.parse({"held_by": "payments (3)"}).apply(Task.objects.all())
    plan = plan_of(rows_of.order_by("held_by", "pk")[:50])
    assert "boogie_tasks_task_held" in plan.indexes, plan.text
    assert Task._meta.db_table not in plan.scans, plan.text


def test_the_longest_lines_are_counted_to_a_cap(crowd):
    queues.hold("queue_2")
    holds = list(Hold.objects.active())
    lines.longest(CAP, holds)
    with CaptureQueriesContext(connection) as captured:
        behind, longest = lines.longest(CAP, holds)
    assert len(captured) == 3
    assert {str(one.rows) for one in [*behind, *longest]} == {f"{CAP}+"}
    assert len(longest) == lines.MOST
    assert cost(lambda: lines.longest(CAP, holds)) < LOOKED[connection.vendor]


def test_a_long_line_is_listed_in_its_order_and_looked_at_no_further(crowd, monkeypatch):
    for name in ("LOOK", "SLOW_LOOK"):
        monkeypatch.setattr(walking, name, 100)
    filters = Filters.parse({"held_by": "payments (3)"})
    looked = walking.look(filters, walking.newest(filters), 50)
    expected = Task.objects.filter(held_by=limits.key_of("payments", "3")).order_by("-pk")[:50]
    assert [row.pk for row in looked.rows] == [row.pk for row in expected]
    assert (
        cost(lambda: walking.look(filters, walking.newest(filters), 50)) < LOOKED[connection.vendor]
    )


def test_the_page_of_a_row_reads_no_more_of_its_line_than_is_shown(crowd, monkeypatch):
    monkeypatch.setattr(rows, "CAP", CAP)
    row = Task.objects.filter(held_by__gt="").order_by("held_by", "-pk").first()
    assert str(rows.of_row(row, []).before) == f"{CAP}+"
    assert cost(lambda: rows.of_row(row, [])) < LOOKED[connection.vendor] / 3
