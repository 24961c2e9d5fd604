"""What keeps a schedule from making rows is told, with what to do about it."""

import io
import json
from datetime import timedelta

import pytest
from celery.schedules import crontab
from django.apps import apps
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from boogie.apps.tasks import Schedule, recurring, schedules
from boogie.apps.tasks.broker import inspect
from boogie.apps.tasks.keeper import heartbeat
from boogie.apps.tasks.monitoring.schedules import wrong
from tests.project.shop.models import Product

from .work import digest

pytestmark = pytest.mark.django_db

HOURLY = timedelta(hours=1)
LONG_AGO = timedelta(minutes=10)
#: Half past two on the night on which that is left out, as steps of real time.
NEVER = crontab(minute="*/30", hour=2, day_of_week="sun", day_of_month="25-31", month_of_year=3)


def gone(name):
    Schedule.objects.filter(name=name).update(task="blog.tasks.gone")


def not_declared(name):
    Schedule.objects.filter(name=name).update(declared=True)


def failing(name):
    Schedule.objects.filter(name=name).update(error="TypeError: no colour")


def late(name):
    Schedule.objects.filter(name=name).update(next_run=timezone.now() - LONG_AGO)


def never(name):
    Schedule.objects.filter(name=name).update(next_run=None)


CASES = [
    (gone, "gone", "its task is gone; delete it, or list the old name in the aliases"),
    (not_declared, "gone", "no code declares it; delete it, or declare it again"),
    (failing, "failing", "makes no rows: TypeError: no colour; mend that, or delete"),
    (late, "late", "see whether a worker lives whose code declares its task"),
    (never, "never", "its time never comes; give it another time, pause it or delete it"),
]
#: How ``boogie_tasks schedules`` calls them.
STATES = {gone: "gone", not_declared: "gone", failing: "failing", late: "on", never: "never"}


@pytest.fixture(autouse=True)
def _all_else_is_well(monkeypatch):
    monkeypatch.setattr(inspect, "answers", lambda: True)
    heartbeat.beat("here@host/1", {"queues": ["celery"], "concurrency": 2})


@pytest.fixture
def schedule():
    product = Product.objects.create(name="lamp")
    digest.using(name="well").repeat(HOURLY, product)
    return digest.using(name="ill").repeat(HOURLY, product)


def status(*options):
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("boogie_status", *options, stdout=out, stderr=err)
    except SystemExit as end:
        return end.code, out.getvalue() + err.getvalue()
    return 0, out.getvalue() + err.getvalue()


def listed():
    out = io.StringIO()
    call_command("boogie_tasks", "schedules", "--json", stdout=out)
    return {one["name"]: one for one in json.loads(out.getvalue())}


def test_nothing_is_wrong_with_one_that_waits_for_its_slot(schedule):
    assert wrong() == []
    assert status()[0] == 0


@pytest.mark.parametrize(("break_it", "what", "words"), CASES, ids=lambda part: str(part)[:20])
def test_it_is_told_with_what_to_do(schedule, admin_client, break_it, what, words):
    break_it("ill")
    (found,) = wrong()
    assert (found.name, found.what) == ("ill", what)
    code, text = status()
    assert code == 1
    assert words in text
    (shown,) = json.loads(status("--json")[1])["schedules"]
    assert (shown["name"], shown["what"]) == ("ill", what)
    page = admin_client.get(reverse("admin:boogie_tasks_dashboard"))
    (problem,) = page.context["problems"]
    assert problem.name == f"schedules-{what}"
    assert "ill" in problem.text
    assert problem.advice
    assert listed()["ill"]["state"] == STATES[break_it]
    assert listed()["well"]["state"] == "on"


@pytest.mark.parametrize(("break_it", "what", "words"), CASES, ids=lambda part: str(part)[:20])
def test_of_one_that_is_paused_nothing_is_told(schedule, break_it, what, words):
    schedule.pause()
    break_it("ill")
    assert wrong() == []
    assert status()[0] == 0


def test_a_time_that_never_comes_is_refused_and_of_code_told(schedule, follow):
    product = schedule.object
    zone = "Europe/Berlin"
    with pytest.raises(ValueError, match="never comes"):
        digest.using(time_zone=zone).repeat(NEVER, product)
    recurring(NEVER, objects=Product.objects.all, time_zone=zone, name="vain")(digest)
    assert follow("vain").next_run is None
    assert [(one.name, one.what) for one in wrong()] == [("vain", "never")]
    schedules._declared.clear()
    assert [(one.name, one.what) for one in wrong()] == [("vain", "gone")]


@pytest.mark.parametrize(("break_it", "words"), [
    (gone, "The task of this schedule is gone"),
    (failing, "no colour"),
    (never, "never comes any more"),
])  # fmt: skip
def test_its_page_says_it(schedule, admin_client, break_it, words):
    break_it("ill")
    page = reverse("admin:boogie_tasks_schedule_change", args=[schedule.pk])
    assert words in admin_client.get(page).content.decode()


def test_the_command_line_lists_them_with_their_states(schedule, capsys):
    failing("ill")
    call_command("boogie_tasks", "schedules")
    ill, well = capsys.readouterr().out.splitlines()
    about = f"shop.product:{schedule.object_id}"
    assert ill.startswith(f"ill  failing: TypeError: no colour  {digest.name}  {about}  ")
    assert well.startswith(f"well  on  {digest.name}  {about}  P0DT01H00M00S ")


def test_without_django_celery_beat_there_is_nothing_to_import():
    if apps.is_installed("django_celery_beat"):
        pytest.skip("it is installed")
    with pytest.raises(CommandError, match="nothing to take over") as caught:
        call_command("boogie_tasks", "import-beat")
    assert caught.value.returncode == 2
