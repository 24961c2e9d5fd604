"""django-celery-beat: entries that name Boogie tasks become schedules."""

import json

import pytest

pytest.importorskip("django_celery_beat")

TASKS = """
from celery import shared_task
from django.contrib.auth.models import User
from boogie.apps.tasks import task


@task
def digest(user: User, format="text"):
    return format


@task
def vague(thing):
    return thing


@shared_task
def plain():
    return None
"""

ENTRIES = """
from datetime import timedelta
from django.contrib.auth.models import User
from django.utils import timezone
from django_celery_beat.models import (
    ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule,
)
User.objects.create(username="Ada")
nightly = CrontabSchedule.objects.create(minute="30", hour="2", timezone="Europe/Berlin")
hourly = IntervalSchedule.objects.create(every=2, period="hours")
digest = {"task": "guest_tasks.digest"}
PeriodicTask.objects.create(name="nightly", crontab=nightly, args='[1, "pdf"]', **digest)
PeriodicTask.objects.create(name="by name", interval=hourly, kwargs='{"user_id": 1}', **digest,
    queue="slow", priority=7, expire_seconds=60, start_time=timezone.now() + timedelta(days=3))
PeriodicTask.objects.create(name="off", interval=hourly, args="[1]", enabled=False, **digest)
PeriodicTask.objects.create(name="no object", interval=hourly, **digest)
PeriodicTask.objects.create(name="gone", interval=hourly, args="[4711]", **digest)
PeriodicTask.objects.create(name="unfit", interval=hourly, args='[1, "a", "b"]', **digest)
PeriodicTask.objects.create(name="once", interval=hourly, args="[1]", one_off=True, **digest)
PeriodicTask.objects.create(name="vague", interval=hourly, args="[1]", task="guest_tasks.vague")
PeriodicTask.objects.create(name="plain", interval=hourly, task="guest_tasks.plain")
"""

STATE = """
import json
from boogie.apps.tasks import Schedule
from django_celery_beat.models import PeriodicTask
fields = ("name", "when", "time_zone", "enabled", "args", "object_id", "options")
print(json.dumps({
    "schedules": {one["name"]: one for one in Schedule.objects.values(*fields)},
    "late": [str(one.next_run - one.created) for one in Schedule.objects.filter(name="by name")],
    "entries": dict(PeriodicTask.objects.values_list("name", "enabled")),
}))
"""

IMPORT = """
from django.core.management import call_command
call_command("boogie_tasks", "import-beat"{more})
"""


def test_entries_of_ours_are_taken_over_and_each_that_is_left_is_told(project):
    imports = "import guest_tasks"
    made = project("django_celery_beat", guest_tasks=TASKS)
    made.python(f"{imports}\n{ENTRIES}")
    dry = made.python(f"{imports}\n{IMPORT.format(more=', dry_run=True')}")
    assert "nightly: made" in dry
    assert json.loads(made.python(STATE))["schedules"] == {}

    said = made.python(f"{imports}\n{IMPORT.format(more='')}")
    told = dict(line.split(": ", 1) for line in said.splitlines())
    assert sorted(name for name, what in told.items() if what.startswith("made")) == [
        "by name", "nightly", "off",
    ]  # fmt: skip
    for name, why in {
        "no object": "names no object",
        "gone": "no auth.user with the key 4711",
        "unfit": "positional argument",
        "once": "use schedule(time, obj, ...)",
        "vague": "annotate its first parameter",
    }.items():
        assert told[name].startswith("left: ")
        assert why in told[name]
    assert "plain" not in told

    state = json.loads(made.python(STATE))
    nightly, by_name = state["schedules"]["nightly"], state["schedules"]["by name"]
    assert (nightly["when"], nightly["time_zone"]) == ("30 2 * * *", "Europe/Berlin")
    assert (nightly["args"], nightly["object_id"], nightly["enabled"]) == (["pdf"], "1", True)
    assert by_name["when"] == "P0DT02H00M00S"
    assert by_name["options"] == {"queue": "slow", "priority": 7, "expires": 60.0}
    assert state["late"][0].startswith(("3 days", "2 days, 23:59"))
    assert state["schedules"]["off"]["enabled"] is False
    left = {name for name, enabled in state["entries"].items() if enabled}
    assert left == {"no object", "gone", "unfit", "once", "vague", "plain"}

    again = made.python(f"{imports}\n{IMPORT.format(more='')}")
    assert "nightly: there already" in again
    assert json.loads(made.python(STATE)) == state
