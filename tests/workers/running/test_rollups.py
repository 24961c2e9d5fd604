"""Workers count what has ended, and note the version of the code that they run."""

import json

import pytest

from boogie.apps.tasks.models import Release, Rollup
from tests.project.blog import tasks
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]


def test_a_worker_counts_what_has_ended_and_notes_its_version(worker, user):
    row = tasks.whereabouts.paused(user)
    row.cancel()
    worker(env={"BOOGIE_TASKS": json.dumps({"VERSION": "2026.11"})})
    wait_until(lambda: Rollup.objects.filter(span="day", outcome="cancelled").exists())
    (found,) = Rollup.objects.filter(span="minute")
    assert (found.name, found.count, found.runs) == (row.name, 1, [])
    assert Release.objects.get().version == "2026.11"
