"""What a worker has set up before its pool forks. Celery orders free steps by hash: at random."""

import os
import subprocess
import sys

import pytest
from celery import signals

from boogie.apps.tasks.execution import around

PROGRAM = """
import django
django.setup()
from celery import signals
from tests.project.celery import app

worker = app.Worker(loglevel="ERROR")
names = [step.name.rpartition(".")[2] for step in worker.steps]
print("pool first" if names.index("Pool") < names.index("KeeperStep") else "keeper first")
for signal in (signals.task_prerun, signals.task_postrun):
    for _, receiver in signal.receivers:
        receiver = receiver() if type(receiver).__name__ != "function" else receiver
        print(getattr(receiver, "__qualname__", receiver))
"""


@pytest.mark.parametrize("seed", range(4))
def test_celery_closes_no_connection_in_the_children_whatever_the_order_of_the_steps(seed):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.project.settings",
        "DATABASE": "sqlite",  # system checks, which Celery runs, ask MariaDB for its version
        "PYTHONHASHSEED": str(seed),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    order, *receivers = done.stdout.splitlines()
    assert order == "pool first"
    assert "_close_after" in receivers
    assert not [name for name in receivers if name.startswith("DjangoWorkerFixup")]


def test_connections_are_given_back_after_contexts_are_left(monkeypatch):
    """Whoever is connected later: a context may ask the database when it is left."""
    signal = signals.task_postrun
    monkeypatch.setattr(signal, "receivers", list(signal.receivers))
    signal.connect(_nothing, weak=False, dispatch_uid=around.GIVE_BACK)
    for later in ("one", "another"):
        signal.connect(_nothing, weak=False, dispatch_uid=later)
        around._leave_last()
        last = [entry[0][0] for entry in signal.receivers[-2:]]
        assert last == [around.LEAVE, around.GIVE_BACK]


def _nothing(**extra):
    """A receiver that does nothing."""
