"""django-celery-beat: what its scheduler starts, and what it is refused."""

import json

import pytest

from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until

pytest.importorskip("django_celery_beat")

pytestmark = pytest.mark.worker

TASKS = """
from celery import shared_task
from django.contrib.auth.models import User
from tests.minimal.tasks import greet


@shared_task
def greet_all():
    for user in User.objects.all():
        greet.delayed(user)
"""

ENTRIES = """
from django.contrib.auth.models import User
from django_celery_beat.models import IntervalSchedule, PeriodicTask
User.objects.create(username="Ada")
every, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
PeriodicTask.objects.create(name="plain", task="guest_tasks.greet_all", interval=every)
PeriodicTask.objects.create(name="ours", task="tests.minimal.tasks.greet", interval=every)
"""

STATUSES = """
import json
from boogie.apps.tasks import Task
print(json.dumps(list(Task.objects.values_list("name", "status"))))
"""


def test_a_plain_task_makes_rows_and_an_entry_of_ours_is_refused_by_name(project):
    imports = 'CELERY_IMPORTS = ["guest_tasks"]'
    made = project("django_celery_beat", more=imports, guest_tasks=TASKS)
    made.python(ENTRIES)
    made.worker()
    scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
    beat = made.celery("beat", "--scheduler", scheduler, "--max-interval", "1", "-l", "INFO")
    wait_until(lambda: ["tests.minimal.tasks.greet", "finished"] in rows(made), PATIENCE, pause=1)
    wait_until(lambda: "tests.minimal.tasks.greet is a Boogie task" in beat.log, PATIENCE)
    assert "use delayed(obj, ...)" in beat.log
    beat.check()  # the other entries go on


def rows(made):
    return json.loads(made.python(STATUSES))
