"""One page says whether all is well, what it asks the database is bounded, and who may see it."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from boogie.apps.tasks.dashboard import now, tables
from boogie.apps.tasks.keeper import heartbeat, rollups
from boogie.apps.tasks.models import Release, Watermark, Worker
from tests.project.shop.models import Product
from tests.support.ends import count_all, ended
from tests.support.rows import stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db

URL = reverse("admin:boogie_tasks_dashboard")
LIST = reverse("admin:boogie_tasks_task_changelist")
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86400))
ME = "here@host/1"

known = declared(name="db.dashboard.known")(lambda product: None)


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@pytest.fixture
def client():
    """One who may see and do everything."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def someone(*permissions):
    user = get_user_model().objects.create_user("someone", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def ended_ago(product, ago, *args, **fields):
    then = datetime.now(UTC).replace(tzinfo=None) - ago
    return ended(product, then, *args, **{"name": known.name, **fields})


def count():
    for _ in range(2):
        count_all(datetime.now(UTC).replace(tzinfo=None))


def stat(response, name):
    found = re.search(rf'data-stat="{name}"[^>]*>(?:<a[^>]*>)?([^<]*)', response.content.decode())
    return found[1]


def problems(response):
    return [problem.name for problem in response.context["problems"]]


def alive(worker=ME, **fields):
    heartbeat.beat(worker, {"queues": ["celery"], "concurrency": 2})
    Worker.objects.filter(pk=worker).update(**fields) if fields else None


# --- who may see it -------------------------------------------------------------------


def test_who_may_not_see_rows_is_refused():
    assert someone().get(URL).status_code == 403
    assert Client().get(URL).status_code == 302


def test_who_may_see_rows_sees_it():
    assert someone("view_task").get(URL).status_code == 200


def test_the_list_and_the_index_of_the_app_lead_to_it(client):
    for page in (LIST, reverse("admin:app_list", args=["boogie_tasks"])):
        assert f'href="{URL}"' in client.get(page).content.decode()


# --- what it says ---------------------------------------------------------------------


def test_an_idle_site_is_well(client):
    response = client.get(URL)
    assert problems(response) == []
    assert "All is well." in response.content.decode()
    assert [stat(response, each) for each in ("running", "waiting", "oldest", "failed")] == [
        "0", "0", "\u2013", "0",
    ]  # fmt: skip


def test_the_numbers_at_the_top_are_those_of_now_and_of_the_range(client, product):
    alive()
    stored("running", product, name=known.name, worker=ME)
    for seconds in (5, 100):
        then = timezone.now() - seconds * SECOND
        stored("queued", product, name=known.name, created=then, due=then)
    ended_ago(product, MINUTE, "failed", error_type="builtins.ValueError")
    ended_ago(product, 3 * HOUR, "failed", error_type="builtins.ValueError")
    ended_ago(product, MINUTE)
    count()
    response = client.get(URL, {"range": "1h"})
    names = ("running", "waiting", "failed", "finished", "workers")
    assert [stat(response, each) for each in names] == ["1", "2", "1", "1", "1"]
    assert stat(response, "oldest").startswith("1 min 4")
    assert stat(client.get(URL), "failed") == "2"


def test_what_waits_is_counted_up_to_a_cap(client, product, monkeypatch):
    monkeypatch.setattr(now, "CAP", 3)
    then = timezone.now() - MINUTE
    for _ in range(5):
        stored("queued", product, name=known.name, created=then, due=then)
    assert stat(client.get(URL), "waiting") == "3+"


def test_a_row_that_was_told_to_a_broker_waits_all_the_same(client, product):
    then = timezone.now()
    stored("queued", product, name=known.name, created=then - HOUR, due=then + 50 * SECOND)
    assert stat(client.get(URL), "waiting") == "1"
    assert stat(client.get(URL), "oldest").startswith("1 h")


def test_failures_are_grouped_and_tasks_lead_into_the_list(client, product):
    for ago, error in ((1, "app.E"), (9, "app.E"), (5, "app.F")):
        ended_ago(product, ago * MINUTE, "failed", error_type=error)
    count()
    response = client.get(URL)
    found = [(row.error, row.failures.count) for row in response.context["failures"]]
    assert found == [("E", 2), ("F", 1)]
    (row,) = response.context["tasks"]
    assert row.failed_link.startswith("?task=db.dashboard.known&status=failed&since=")
    assert client.get(LIST + row.failed_link).status_code == 200
    assert len(client.get(LIST + row.failed_link).context["cl"].result_list) == 3


@pytest.mark.parametrize(
    ("order", "first"), [("busiest", "many"), ("slowest", "slow"), ("failing", "broken")]
)
def test_tasks_come_in_the_order_that_was_asked_for(client, product, order, first):
    for n in range(30):
        ended_ago(product, n * SECOND, run=10, name="many")
    ended_ago(product, MINUTE, run=100, name="slow")
    ended_ago(product, MINUTE, "failed", run=1, name="broken")
    count()
    response = client.get(URL, {"order": order})
    assert response.context["tasks"][0].task.name == first


def test_a_table_has_no_more_rows_than_fit_and_says_so(client, product):
    for n in range(tables.LIMIT + 2):
        ended_ago(product, MINUTE, "failed", name=f"task {n}", error_type="E")
    count()
    response = client.get(URL)
    assert len(response.context["tasks"]) == len(response.context["failures"]) == tables.LIMIT
    assert "and 2 more tasks" in response.content.decode()


def test_one_task_is_shown_alone(client, product):
    for name in (known.name, "other"):
        ended_ago(product, MINUTE, name=name)
        stored("running", product, name=name, worker=ME)
    count()
    response = client.get(URL, {"task": known.name})
    assert [row.task.name for row in response.context["tasks"]] == [known.name]
    assert stat(response, "running") == stat(response, "finished") == "1"
    assert f'<option value="{known.name}" selected>' in response.content.decode()
    assert all(f"task={known.name}" in each["link"] for each in response.context["ranges"])


def test_what_is_scheduled_next_is_shown_the_first_ten(client, product):
    for n in range(12, 0, -1):
        known.schedule(n * 100, product)
    shown = client.get(URL).context["scheduled"]
    times = [each["row"].not_before for each in shown]
    assert len(times) == 10
    assert times == sorted(times)
    assert shown[0]["until"].startswith("1 min")


def test_versions_are_marked_where_they_began(client):
    with override_settings(BOOGIE_TASKS={"VERSION": "<2.0>"}):
        rollups.note_release()
    Release.objects.update(seen=timezone.now() - HOUR)
    response = client.get(URL, {"range": "24h"})
    (mark,) = response.context["chart"]["marks"]
    assert mark["label"] == "<2.0>"
    assert len(response.context["chart"]["labels"]) - 6 < mark["at"]
    assert "<2.0>" not in response.content.decode()


# --- what is wrong --------------------------------------------------------------------


def test_rows_that_are_due_without_a_worker_are_told(client, product):
    then = timezone.now() - MINUTE
    stored("queued", product, name=known.name, created=then, due=then)
    assert problems(client.get(URL)) == ["no-worker"]


def test_stuck_rows_orphans_and_unknown_names_are_told_with_what_to_do(client, product):
    alive()
    alive("gone@host/2", seen=timezone.now() - HOUR)
    then = timezone.now() - HOUR
    stored("queued", product, name="nobody.knows", created=then, due=then)
    stored("running", product, name=known.name, worker="gone@host/2")
    stored("running", product, name=known.name, worker=ME, progressed=then)
    response = client.get(URL)
    assert problems(response) == ["orphans", "stuck", "unknown", "stalled"]
    content = response.content.decode()
    assert "nobody.knows" in content
    for problem in response.context["problems"]:
        assert problem.advice in content
        assert client.get(response.context["list"] + problem.link).status_code == 200
    assert [worker["is_alive"] for worker in response.context["workers"]] == [True, False]


def test_figures_that_nobody_keeps_are_told(client, product):
    alive()
    assert problems(client.get(URL)) == []
    ended_ago(product, MINUTE)
    assert problems(client.get(URL)) == ["uncounted"]
    count()
    assert problems(client.get(URL)) == []
    Watermark.objects.update(due=timezone.now() - HOUR)
    assert problems(client.get(URL)) == ["uncounted"]


# --- what the URL may say -------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "range=2h", "since=yesterday", "until=%00", "since=1h&until=3h", "order=prettiest",
        "range=24h&since=%ff%fe", "since=99999999999999d",
    ],
)  # fmt: skip
def test_what_the_url_says_wrongly_is_told_and_the_usual_range_shown(client, query):
    response = client.get(f"{URL}?{query}")
    assert response.status_code == 200
    assert len(list(response.context["messages"])) == 1
    assert response.context["range"].name == "24h"


@pytest.mark.parametrize("query", ["task=%00", "task=nobody", "task=%ff", f"task={'x' * 9999}"])
def test_a_task_that_nobody_knows_has_no_figures(client, query):
    response = client.get(f"{URL}?{query}")
    assert response.status_code == 200
    assert response.context["figures"].total.ended == 0


def test_a_range_of_ones_own_is_kept_by_the_links_of_the_page(client):
    response = client.get(URL, {"since": "3h", "until": "1h"})
    assert response.status_code == 200
    assert response.context["range"].name == ""
    for each in response.context["orders"]:
        assert "since=3h" in each["link"]
        assert "until=1h" in each["link"]


# --- what it costs --------------------------------------------------------------------


@pytest.mark.parametrize("params", [{}, {"range": "30d"}, {"task": "db.dashboard.known"}])
def test_the_page_makes_at_most_15_queries_whatever_there_is(product, params):
    for n in range(30):
        ended_ago(product, n * 7 * MINUTE, "failed", name=f"task {n}", error_type=f"E{n}")
        stored("running", product, name=f"task {n}", worker=f"{n}")
        stored("queued", product, name=f"task {n}", created=timezone.now() - HOUR)
        known.schedule(n * 100, product)
        alive(f"worker {n}")
    count()
    client = someone("view_task")
    client.get(URL)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(URL, params).status_code == 200
    assert len(captured) <= 15


def test_the_page_has_no_inline_script_or_style(client, product):
    ended_ago(product, MINUTE, "failed", error_type="E")
    count()
    content = client.get(URL).content.decode()
    scripts = re.findall(r"<script(?![^>]*(?:src=|type=\"application/json\"))[^>]*>", content)
    assert scripts == []
    main = re.search(r"<main.*</main>", content, re.DOTALL)[0]
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|https?://", main)


@pytest.mark.parametrize("use_tz", [True, False])
def test_times_are_those_of_the_zone_of_the_project(client, product, use_tz):
    with override_settings(USE_TZ=use_tz, TIME_ZONE="Asia/Kolkata"):  # 5:30 h ahead, all year
        ended_ago(product, MINUTE, "failed", error_type="E")
        known.schedule(600, product)
        count()
        response = client.get(URL, {"range": "7d"})
        there = response.context["range"].since + 5.5 * HOUR
        assert response.context["chart"]["labels"][0] == there.strftime("%a %H:%M")
        assert response.context["scheduled"][0]["until"].startswith(("9 min", "10 min"))
        assert response.context["failures"][0].first_age.startswith("1 min")
        first = response.context["failures"][0].first
        assert (first.tzinfo is not None) is use_tz
        here = datetime.now(ZoneInfo("Asia/Kolkata")).replace(tzinfo=None)
        assert abs(here - first.replace(tzinfo=None)) < HOUR
