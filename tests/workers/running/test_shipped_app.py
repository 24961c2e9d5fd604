"""``celery -A boogie.apps.tasks worker`` in a project without a Celery app and without a broker."""

import json
import os
import subprocess
import sys

import pytest

from tests.project import services
from tests.support.processes import PATIENCE, ROOT
from tests.support.project_worker import WorkerProcess, watched
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.worker,
    pytest.mark.skipif(
        (services.DATABASE, services.BROKER) != ("sqlite", "boogie"),
        reason="the same in every session: it has a database of its own and no broker",
    ),
]


@pytest.fixture
def env(tmp_path):
    """The environment of a project of its own, its database migrated."""
    found = {
        **{key: value for key, value in os.environ.items() if not key.startswith("CELERY")},
        "DJANGO_SETTINGS_MODULE": "tests.minimal.settings",
        "DATABASE_NAME": str(tmp_path / "minimal.sqlite3"),
    }
    run(found, "django", "migrate", "--verbosity", "0")
    return found


def run(env, *command):
    """Run ``python -m command``; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=env,
        timeout=2 * PATIENCE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def shipped(env, tmp_path):
    """A worker of the app that we ship."""
    one = WorkerProcess(tmp_path / "worker.log", env, app="boogie.apps.tasks")
    yield one
    one.stop()
    watched.remove(one)


def test_the_shipped_app_runs_tasks_on_the_database_alone(env, shipped):
    wait_until(shipped.has_started, PATIENCE)
    found = json.loads(run(env, "tests.minimal.visit"))
    assert found["text"] == "Welcome, Ada!"
    assert found["app"] == "boogie"
    assert found["pid"] != shipped.pid
    assert found["worker"].partition("@")[0] in shipped.log
    assert "transport:   boogie://" in shipped.log
