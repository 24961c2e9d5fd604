"""Workers that are forked for tests are as those that are started: nothing of ours came before."""

import os
import subprocess
import sys

import pytest

from tests.support import prepared
from tests.support.processes import ROOT

WORKER = [sys.executable, "-m", "celery", "-A", "tests.project", "worker", "-P"]

FRESH = """
import sys
import threading

from django.conf import settings


def ours():
    return {name for name in sys.modules if name.startswith(("boogie", "tests.project"))}


import celery.bin.celery  # it has our commands before it knows of any project

early = ours()

from tests.support import prepared_process

prepared_process.prepare()
assert ours() == early
assert not any(name.startswith("tests") for name in early)
assert not settings.configured
assert threading.active_count() == 1
assert "celery.worker.worker" in sys.modules
"""


def test_before_the_fork_nothing_of_ours_is_imported_no_setting_read_and_no_thread_started():
    done = subprocess.run(
        [sys.executable, "-c", FRESH], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def environment(monkeypatch):
    """What a worker gets from a session in which no line is counted."""
    began = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    monkeypatch.setattr(prepared, "ENVIRONMENT", began)
    return {**began, "BOOGIE_QUEUE": "own", "DATABASE_NAME": "test_boogie"}


@pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")
def test_a_worker_is_forked_that_differs_in_what_is_read_after_the_fork(environment):
    assert prepared.can_fork([*WORKER, "prefork"], environment)


@pytest.mark.parametrize(
    ("command", "more"),
    [
        ([*WORKER, "gevent"], {}),
        ([*WORKER, "eventlet"], {}),
        ([sys.executable, "-W", "always", *WORKER[1:], "prefork"], {}),
        ([*WORKER, "prefork"], {"C_FORCE_ROOT": "1"}),
        ([*WORKER, "prefork"], {"PYTHONPATH": "/elsewhere"}),
        ([*WORKER, "prefork"], {"COVERAGE_PROCESS_START": "pyproject.toml"}),
    ],
)
def test_a_worker_is_started_that_needs_another_interpreter(environment, command, more):
    assert not prepared.can_fork(command, {**environment, **more})
