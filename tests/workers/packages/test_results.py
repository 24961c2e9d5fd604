"""django-celery-results and celery-progress: rows are not theirs."""

import json

import pytest

from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until

pytestmark = pytest.mark.worker

RESULTS = 'CELERY_RESULT_BACKEND = "django-db"\nCELERY_IMPORTS = ["guest_tasks"]'

TASKS = """
from celery import shared_task
from boogie.apps.tasks import task


@shared_task
def plain():
    return 1


@task(bind=True)
def ours(self, user):
    from celery_progress.backend import ProgressRecorder
    ProgressRecorder(self).set_progress(1, 2)
    return 2
"""

WORK = """
import json
from django.contrib.auth.models import User
from guest_tasks import ours, plain
user = User.objects.create(username="Ada")
result = plain.delay()
row = ours.delayed(user)
print(json.dumps([result.id, str(row.pk), row.wait(60), result.get(60)]))
"""

STORED = """
import json
from celery.result import AsyncResult
from celery_progress.backend import Progress
from django_celery_results.models import TaskResult
print(json.dumps([dict(TaskResult.objects.values_list("task_id", "status")),
                  Progress(AsyncResult({key!r})).get_info()]))
"""


def test_a_result_backend_gets_plain_tasks_alone_and_a_progress_bar_of_theirs_never_ends(project):
    pytest.importorskip("django_celery_results")
    pytest.importorskip("celery_progress")
    made = project("django_celery_results", more=RESULTS, guest_tasks=TASKS)
    made.worker()
    plain, row, *values = json.loads(made.python(WORK))
    assert values == [2, 1]
    wait_until(lambda: stored(made, row)[0].get(plain) == "SUCCESS", PATIENCE)
    results, info = stored(made, row)
    assert results == {plain: "SUCCESS", row: "PROGRESS"}
    assert info["complete"] is False


def stored(made, key):
    return json.loads(made.python(STORED.format(key=key)))
