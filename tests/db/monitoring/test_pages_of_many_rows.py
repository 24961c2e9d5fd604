"""
What pages read of a large table: by an index, or so many rows and no more.

The table is the one that ``make million`` measures on, with fewer rows; a look is shorter, too.
"""

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from bench.million import fill, pages, reads
from boogie.apps.tasks import Task
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Worker
from boogie.apps.tasks.monitoring import search, walking
from boogie.apps.tasks.monitoring.filters import Filters
from tests.project.shop.models import Order, Product
from tests.support.looking import looked_at
from tests.support.plans import plan_of

pytestmark = pytest.mark.django_db

ROWS, LOOK = 20_000, 300
PAGE = 50
#: What one read may look at, and what a look may; SQLite counts steps of its machine, at least
#: four for a row.
READ = {"postgresql": 1500, "mysql": 1500, "sqlite": 25_000}
LOOKED = {"postgresql": 6000, "mysql": 6000, "sqlite": 50_000}
#: What a whole page may: it counts tabs up to a thousand each, and looks twice.
OPENED = {"postgresql": 10_000, "mysql": 10_000, "sqlite": 100_000}
QUERIES = 15

STATUSES = ["", *(str(status) for status, _ in states.STATUS)]


@pytest.fixture(scope="module", autouse=True)
def sample(django_db_setup, django_db_blocker):
    """Commit the rows, and take them away at the end; return some of them."""
    with django_db_blocker.unblock():
        fill.fill(ROWS)
        yield reads.sample()
        Task.objects.all()._raw_delete("default")
        for model in (Product, Order, Worker, get_user_model()):
            model.objects.all().delete()
        fill.analyze()  # nothing that runs next is planned by what has been there
        if connection.vendor == "sqlite":  # says nothing of an empty table, and keeps what it knew
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA writable_schema = RESET")


@pytest.fixture
def short_looks(monkeypatch):
    monkeypatch.setattr(walking, "LOOK", LOOK)
    monkeypatch.setattr(walking, "SLOW_LOOK", LOOK)
    monkeypatch.setattr(search, "LOOK", LOOK)


def everything(sample):
    return dict(reads.all_reads(sample))


def cost(read):
    with looked_at() as found:
        read()
    return found[0]


# --- reads that an index serves -------------------------------------------------------

PAGES = ("first page", "next page", "previous page", "last page")
#: Rows of these have no index in the order of a list; there are few, or a look finds them.
LIVE = ("queued", "running")

SERVED = [
    *(f"tab {status or 'all'}: {page}" for status in STATUSES for page in PAGES
      if status not in LIVE),
    *(f"count {status}" for status in STATUSES if status),
    "filter all, an object",
    "filter failed, an object",
    "filter all, no such user",
    "an object's newest 20",
    "children of a row",
    "stalled rows",
    "next scheduled",
    "running rows",
    "running per worker",
    "waiting and oldest per queue",
]  # fmt: skip


@pytest.mark.parametrize("name", SERVED)
def test_a_read_is_served_by_an_index(sample, name):
    read = everything(sample)[name]
    plan = plan_of(read())
    assert not plan.scans, plan.text
    assert plan.indexes, plan.text
    assert cost(lambda: list(read())) < READ[connection.vendor]


@pytest.mark.parametrize(
    "name", [name for name in SERVED if name.startswith("tab") and "queued" not in name]
)
def test_a_page_of_a_tab_is_read_in_its_order(sample, name):
    plan = plan_of(everything(sample)[name]())
    assert not plan.sorts, plan.text


def test_a_count_of_all_ends_at_its_cap(sample):
    # The first thousand of all rows need no index: which way is taken is for the database to say.
    read = everything(sample)["count all"]
    assert cost(lambda: list(read())) < READ[connection.vendor]


def test_a_read_that_no_index_serves_is_recognised():
    assert cost(lambda: list(Task.objects.filter(retries=7))) > READ[connection.vendor]


def test_a_scan_and_a_sort_are_recognised():
    plan = plan_of(Task.objects.filter(retries=7).order_by("retries", "losses"))
    assert plan.scans == {Task._meta.db_table}, plan.text
    assert plan.sorts, plan.text


# --- looks ----------------------------------------------------------------------------


def filters_of(sample):
    return {"no filter": {}, **reads.choices(sample)}


def given(sample, what, status):
    return Filters.parse({**filters_of(sample)[what], **({"status": status} if status else {})})


WHAT = [
    *("no filter", "a busy task", "a rare task", "a retired task", "no such task"),
    *("a busy queue", "a retired queue", "a busy user", "a retired user", "no such user"),
    *("a model", "a model without rows", "an object", "since yesterday", "until a month ago"),
    *("an hour in the midst", "a rare task in a queue of others"),
]


@pytest.mark.usefixtures("short_looks")
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("what", WHAT)
def test_a_look_ends(sample, what, status):
    filters = given(sample, what, status)
    order = reads.order(status or None)
    for way in (order, reads.backwards(order)):
        assert cost(lambda way=way: walking.look(filters, way, PAGE)) < LOOKED[connection.vendor]


@pytest.mark.usefixtures("short_looks")
@pytest.mark.parametrize("what", WHAT)
def test_the_counts_of_all_tabs_end(sample, what):
    filters = given(sample, what, "")
    assert cost(lambda: walking.count(filters, STATUSES, 1000)) < LOOKED[connection.vendor]


@pytest.mark.usefixtures("short_looks")
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("what", WHAT)
def test_a_look_that_does_not_give_up_finds_what_there_is(sample, what, status):
    filters, order = given(sample, what, status), reads.order(status or None)
    found = walking.look(filters, order, PAGE)
    fitting = filters.apply(Task.objects.all()).order_by(*order)
    expected = list(
        fitting.values_list("pk", flat=True)[: PAGE if not found.gave_up else len(found.rows)]
    )
    assert [row.pk for row in found.rows] == expected


# --- whole pages ----------------------------------------------------------------------


@pytest.fixture
def opened(sample):
    with pages.opened():
        yield pages.Pages(pages.client(), sample)


KINDS = ("tabs", "searches", "rows", "objects", "others", "verbs", "live")


@pytest.mark.usefixtures("short_looks")
@pytest.mark.parametrize("kind", KINDS)
def test_a_page_takes_few_queries_and_looks_at_few_rows(opened, kind):
    spent = {name: _spent(ask) for name, ask in getattr(opened, kind)()}
    assert {name: of for name, of in spent.items() if of[0] > QUERIES} == {}
    assert {name: of for name, of in spent.items() if of[1] > OPENED[connection.vendor]} == {}


def _spent(ask):
    """Return the queries of a page, and what they looked at; what is cached is read before."""
    pages.answered(ask)
    watch = pages.Watch()
    with looked_at() as found, connection.execute_wrapper(watch):
        pages.answered(ask)
    return watch.queries, found[0]


def test_a_user_who_is_asked_for_is_read_once(opened):
    given = {**reads.choices(opened.sample)["a busy user"], "since": "30d", "queue": "queue_0"}
    assert _spent(opened.listing(**given))[0] <= QUERIES
