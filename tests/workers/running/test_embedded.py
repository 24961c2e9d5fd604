"""A worker in a thread of a test, by ``celery.contrib.testing``: nothing of it is left behind."""

import json
import subprocess
import sys

import pytest

from tests.support.processes import PATIENCE, ROOT
from tests.support.project_worker import environment
from tests.workers.traces import runs_of

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

NOTHING = {"threads": [], "connections": [], "workers": []}


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_a_worker_in_a_thread_leaves_no_thread_no_connection_and_no_row(pool, queue, post):
    env = environment(queue, PGAPPNAME=queue)
    command = [sys.executable, "-m", "tests.workers.running.runs_a_worker", pool, str(post.pk)]
    done = subprocess.run(
        command, cwd=ROOT, env=env, timeout=PATIENCE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [json.loads(line) for line in done.stdout.splitlines()] == [NOTHING] * 2
    assert runs_of(post) == 2
