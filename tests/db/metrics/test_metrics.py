"""The page of metrics: who may read it, in which format, and that its numbers are the rows'."""

import builtins
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone
from prometheus_client import REGISTRY
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_families
from prometheus_client.parser import text_string_to_metric_families

from boogie.apps.tasks import Task, Worker, identity
from boogie.apps.tasks.broker import doorbell
from boogie.apps.tasks.checks import check_settings
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.metrics import checks, exposition
from boogie.apps.tasks.models import Rollup, Watermark
from boogie.apps.tasks.models.rollup import KEPT
from tests.project.shop.models import Product
from tests.support.ends import count_all, count_at, ended
from tests.support.rows import stored
from tests.support.runs import declared
from tests.support.statements import statements
from tests.support.zones import as_user

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 15, 12, 0)
SECOND, MINUTE, DAY = (timedelta(seconds=n) for n in (1, 60, 86400))
SETTINGS = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.project.settings"}
LABELS = ("task", "queue", "status", "le")
TOKEN = "0123456789abcdef"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def tasks(**keys):
    return override_settings(BOOGIE_TASKS={"METRICS": True, **keys})


@pytest.fixture(autouse=True)
def _on():
    with tasks(METRICS_TOKEN=TOKEN):
        yield


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@pytest.fixture
def page(client):
    """Read the page; return its samples: by name, then by the values of labels."""

    def read(**headers):
        response = client.get(reverse("boogie_tasks:metrics"), headers={**BEARER, **headers})
        assert response.status_code == 200
        found = {}
        for family in text_string_to_metric_families(response.text):
            for sample in family.samples:
                labels = tuple(sample.labels[name] for name in LABELS if name in sample.labels)
                found.setdefault(sample.name, {})[labels] = sample.value
        return found

    return read


# --- who may read it --------------------------------------------------------------------


def get(client, **headers):
    return client.get(reverse("boogie_tasks:metrics"), headers=headers)


def test_there_is_no_page_unless_it_is_asked_for(client):
    for settings in ({}, {"METRICS": False, "METRICS_TOKEN": TOKEN}):
        with override_settings(BOOGIE_TASKS=settings):
            assert get(client, **BEARER).status_code == 404


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer ü", "bearer x"],
)
def test_without_the_token_there_are_no_metrics(client, header):
    client.force_login(get_user_model().objects.create_superuser("root"))
    response = get(client, **({"Authorization": header} if header else {}))
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert TOKEN not in response.text


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_the_token_is_enough(client, scheme):
    assert get(client, Authorization=f"{scheme} {TOKEN}").status_code == 200


def test_without_a_token_in_the_settings_a_user_may_read_them_who_may_see_rows(client):
    user = get_user_model().objects.create_user("ann")
    with tasks():
        assert get(client).status_code == 401
        assert get(client, **BEARER).status_code == 401
        client.force_login(user)
        assert get(client).status_code == 403
        user.user_permissions.add(Permission.objects.get(codename="view_task"))
        assert get(client).status_code == 200


@override_settings(
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
)
def test_a_site_that_asks_everybody_to_log_in_lets_the_token_pass(client):
    assert get(client, **BEARER).status_code == 200


def test_it_is_only_read_and_kept_by_nobody(client):
    url = reverse("boogie_tasks:metrics")
    assert client.post(url, headers=BEARER).status_code == 405
    assert client.head(url, headers=BEARER).status_code == 200
    assert "no-store" in get(client, **BEARER).headers["Cache-Control"]


# --- in which format ----------------------------------------------------------------------


def test_the_format_is_what_prometheus_asks_for(client):
    plain = get(client, **BEARER)
    assert plain.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    asked = get(client, Accept=accept, **BEARER)
    assert asked.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert asked.text.endswith("# EOF\n")
    names = {family.name for family in open_families(asked.text)}
    assert {"boogie_tasks_ended", "boogie_tasks_rows", "boogie_tasks_run_seconds"} <= names


def test_the_registry_of_the_project_is_left_alone(client):
    before = list(REGISTRY.collect())
    get(client, **BEARER)
    assert [one.name for one in REGISTRY.collect()] == [one.name for one in before]
    assert not any(one.name.startswith("boogie") for one in before)


def test_without_the_package_it_is_said_what_to_install(client, monkeypatch):
    real = builtins.__import__

    def missing(name, *args):
        if name.partition(".")[0] == "prometheus_client":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImproperlyConfigured, match=r"django-boogie\[prometheus\]"):
        get(client, **BEARER)


def test_a_check_says_so_before(monkeypatch):
    assert checks.check_metrics() == []
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    (error,) = checks.check_metrics()
    assert error.id == "boogie_tasks.E020"
    with override_settings(BOOGIE_TASKS={}):
        assert checks.check_metrics() == []


def test_a_wrong_token_is_not_shown_by_a_check():
    with tasks(METRICS_TOKEN=b"hunter2"):
        (error,) = check_settings()
    assert "METRICS_TOKEN" in error.msg
    assert "hunter2" not in error.msg


@pytest.mark.parametrize("wrong", ["", " ", "\n", b"", b"hunter2", 0, False, [], f"{TOKEN}\n"])
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer  ", "Bearer 0", TOKEN])
@pytest.mark.parametrize("is_root", [True, False])
def test_a_token_that_is_none_opens_nothing(client, wrong, header, is_root):
    if is_root:
        client.force_login(get_user_model().objects.create_superuser("root"))
    with tasks(METRICS_TOKEN=wrong):
        given = [header, f"Bearer {wrong}".strip()] if header is None else [header]
        for one in given:
            response = get(client, **({} if one is None else {"Authorization": one}))
            assert response.status_code == 403
            assert "METRICS_TOKEN" in response.text
        (error,) = check_settings()
    assert (error.id, "METRICS_TOKEN" in error.msg) == ("boogie_tasks.E002", True)


# --- what it tells ------------------------------------------------------------------------


def test_rows_that_have_not_ended_are_told_exactly(page, product):
    for status, count in {"paused": 1, "queued": 3, "running": 2}.items():
        for _ in range(count):
            stored(status, product, name="db.a", queue="slow")
    stored("queued", product, name="db.a", queue="fast")
    stored("finished", product, name="db.a", queue="slow")
    rows = page()["boogie_tasks_rows"]
    assert {key: value for key, value in rows.items() if key[0] == "db.a" and value} == {
        ("db.a", "slow", "paused"): 1,
        ("db.a", "slow", "queued"): 3,
        ("db.a", "slow", "running"): 2,
        ("db.a", "fast", "queued"): 1,
    }


def test_what_does_not_happen_is_told_as_nothing(page):
    body = declared(lambda product: None, queue="calm")
    found = page()
    for status in ("paused", "queued", "running"):
        assert found["boogie_tasks_rows"][body.name, "calm", status] == 0
    for status in ("finished", "failed", "cancelled"):
        assert found["boogie_tasks_ended_total"][body.name, "calm", status] == 0
    assert found["boogie_tasks_oldest_due_seconds"][("calm",)] == 0
    for name in ("workers", "losses_total", "retries_total", "ring_failures_total"):
        assert found[f"boogie_tasks_{name}"][()] == 0


def test_the_oldest_row_is_one_that_might_run(page, product):
    now = timezone.now()
    stored("queued", product, queue="q", created=now - 100 * SECOND)
    stored("queued", product, queue="q", created=now - DAY, not_before=now + DAY)
    stored("queued", product, queue="q", created=now - DAY, not_before=now - 300 * SECOND)
    stored("paused", product, queue="q", created=now - DAY)
    assert 299 < page()["boogie_tasks_oldest_due_seconds"][("q",)] < 400


def test_rows_that_ended_are_counted_once_keepers_have(page, product):
    ended(product, NOON, name="db.a", queue="q")
    ended(product, NOON, name="db.a", queue="q", status="failed", error_type="A")
    ended(product, NOON, name="db.a", queue="q", status="failed", error_type="B")
    ended(product, NOON, name="db.a", queue="other", status="cancelled")
    count_at(NOON)
    found = page()["boogie_tasks_ended_total"]
    assert {key: value for key, value in found.items() if value} == {
        ("db.a", "q", "finished"): 1,
        ("db.a", "q", "failed"): 2,
        ("db.a", "other", "cancelled"): 1,
    }


def test_retries_and_losses_are_those_of_rows_that_ended(page, product):
    ended(product, NOON, retries=2, attempt=3)
    ended(product, NOON, retries=1, losses=3, attempt=5, status="failed")
    stored("queued", product, retries=7)
    count_at(NOON)
    found = page()
    assert found["boogie_tasks_retries_total"][()] == 3
    assert found["boogie_tasks_losses_total"][()] == 3


@pytest.mark.parametrize(
    ("fields", "all_losses"),
    [({"losses": 3}, 4), ({"rescue": False}, 1), ({"worker": f"{identity.CALLER}here/1"}, 1)],
)
def test_the_loss_that_ends_a_row_is_counted_with_those_before(page, fields, all_losses):
    row = stored("running", **fields)
    losses.lose(row, "its worker died")
    row.refresh_from_db()
    assert row.is_failed
    count_all(datetime.now(UTC).replace(tzinfo=None))
    assert page()["boogie_tasks_losses_total"][()] == all_losses


def test_times_are_histograms_by_task(page, product):
    for run in (0.004, 0.04, 0.4, 4, 4):
        ended(product, NOON, name="db.a", run=run, wait=0.3)
    ended(product, NOON, name="db.a", status="failed", run=90, wait=0.3)
    ended(product, NOON, name="db.a", status="cancelled", run=9999)
    count_at(NOON)
    found = page()
    counts = {
        float(key[-1]): value
        for key, value in found["boogie_tasks_run_seconds_bucket"].items()
        if "db.a" in key
    }
    assert list(counts.values()) == sorted(counts.values())
    at = {bound: counts[bound] for bound in (0.001, 0.005, 0.05, 0.5, 5, 50, 100, float("inf"))}
    assert list(at.values()) == [0, 1, 2, 3, 5, 5, 6, 6]
    assert found["boogie_tasks_run_seconds_count"]["db.a",] == 6
    assert found["boogie_tasks_run_seconds_sum"]["db.a",] == pytest.approx(98.444, abs=0.02)
    assert found["boogie_tasks_wait_seconds_sum"]["db.a",] == pytest.approx(1.8, abs=0.02)


def test_each_bound_is_that_of_one_of_our_buckets():
    for place, bound in zip(exposition.PLACES, exposition.BOUNDS, strict=True):
        assert float(bound) == pytest.approx(10 ** (place / 10) / 1000, rel=0.003)


def test_a_task_that_was_renamed_is_one(page, product):
    body = declared(lambda product: None, aliases=["db.metrics.before"], queue="q")
    ended(product, NOON, name="db.metrics.before", queue="q")
    ended(product, NOON, name=body.name, queue="q")
    stored("running", product, name="db.metrics.before", queue="q")
    count_at(NOON)
    found = page()
    assert found["boogie_tasks_ended_total"][body.name, "q", "finished"] == 2
    assert found["boogie_tasks_rows"][body.name, "q", "running"] == 1
    assert not any("db.metrics.before" in key for key in found["boogie_tasks_ended_total"])


def test_only_living_workers_count(page):
    now = timezone.now()
    for n, ago in enumerate((0, 1, 3600)):
        Worker.objects.create(pk=f"w{n}", host="h", pid=n, seen=now - ago * SECOND)
    assert page()["boogie_tasks_workers"][()] == 2


# --- failures to ring ---------------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch):
    """A broker to which nothing can be published."""

    class Pool:
        is_broken = False
        failures = 0

        def open(self, app):
            raise ConnectionError("refused")

        def broke(self):
            self.failures += 1

    pool = Pool()
    monkeypatch.setattr(doorbell, "broker_pool", pool)
    return pool


def test_each_failure_to_ring_is_counted(page, product, broken):
    row = stored("queued", product)
    for number in (1, 2):
        assert doorbell.ring([row]) == [row]
        assert page()["boogie_tasks_ring_failures_total"][()] == number == broken.failures


def test_it_costs_no_statement_where_no_metrics_are_served(product, broken):
    row = stored("queued", product)
    with override_settings(BOOGIE_TASKS={}), statements() as found:
        doorbell.ring([row])
    assert found == []


# --- that counters never fall -------------------------------------------------------------


def totals(page):
    return {
        (name, *key): value
        for name, samples in page().items()
        for key, value in samples.items()
        if name.endswith(("_total", "_bucket", "_count", "_sum"))
    }


def grows(before, after):
    return all(after.get(key, -1) >= value for key, value in before.items())


def test_counters_never_fall_whatever_becomes_of_rows_and_rollups(page, product):
    seen = totals(page)
    for n in range(12):
        moment = NOON + n * 7 * timedelta(days=11)
        kind = {"run": n / 3, "wait": n, "retries": n % 2}
        row = ended(product, moment, name="db.a", **kind)
        count_at(moment)
        if n % 3 == 0:
            Task.objects.filter(pk=row.pk)._raw_delete("default")
        ended(product, moment + SECOND, name="db.a", status="failed", error_type=str(n))
        count_at(moment + 2 * MINUTE)
        now = totals(page)
        assert grows(seen, now)
        seen = now
    ends = page()["boogie_tasks_ended_total"]
    assert ends["db.a", "", "finished"] == ends["db.a", "", "failed"] == 12
    # Rollups of single spans went, of minutes and of hours.
    oldest = Rollup.objects.filter(span="hour").order_by("start").first()
    assert oldest.start > as_user(NOON + 11 * 77 * DAY - KEPT["hour"] - 2 * DAY)
    Rollup.objects.exclude(span="total")._raw_delete("default")
    assert totals(page) == seen


def test_a_bucket_does_not_fall_when_other_rows_take_the_place_of_its_own(page, product):
    fast, _ = (ended(product, NOON, name="db.a", run=0.01) for _ in range(2))
    count_at(NOON)
    seen = totals(page)
    Task.objects.filter(pk=fast.pk)._raw_delete("default")
    for _ in range(2):
        ended(product, NOON, name="db.a", run=500)
    count_at(NOON + SECOND)
    assert grows(seen, totals(page))


def test_counting_again_changes_no_counter(page, product):
    for n in range(5):
        ended(product, NOON - n * MINUTE, name="db.a", retries=n, attempt=n + 1)
    count_at(NOON)
    seen = totals(page)
    Watermark.objects.update(since=as_user(NOON - 30 * MINUTE))
    count_at(NOON + SECOND)
    count_at(NOON + 20 * MINUTE)
    assert totals(page) == seen
    assert page()["boogie_tasks_ended_total"]["db.a", "", "finished"] == 5


def test_what_breaks_off_in_the_middle_of_counting_is_counted_once(page, product, monkeypatch):
    ended(product, NOON, name="db.a")
    put = type(Rollup.objects.all()).put

    def breaks(self, rollups):
        rollups = list(rollups)
        if any(each.span == "total" for each in rollups):
            raise ConnectionError("away")
        put(self, rollups)

    with monkeypatch.context() as patch:
        patch.setattr(type(Rollup.objects.all()), "put", breaks)
        with pytest.raises(ConnectionError):
            count_at(NOON)
    count_at(NOON)
    assert page()["boogie_tasks_ended_total"]["db.a", "", "finished"] == 1


# --- what it costs ------------------------------------------------------------------------


def test_a_scrape_is_five_statements(client, product):
    ended(product, NOON)
    count_at(NOON)
    with statements() as found:
        assert get(client, **BEARER).status_code == 200
    assert len(found) == 5


def test_nothing_of_prometheus_is_imported_before_a_scrape():
    code = (
        "import sys, django; django.setup(); import boogie.apps.tasks.urls;"
        "sys.exit('prometheus_client' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=SETTINGS)


def test_times_in_the_future_are_no_negative_age(page, product):
    stored("queued", product, queue="q", created=datetime(2999, 1, 1, tzinfo=UTC))
    assert page()["boogie_tasks_oldest_due_seconds"][("q",)] == 0
