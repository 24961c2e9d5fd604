"""Workers of the test project, on the database of this session."""

import contextlib
import json
import os
from unittest import mock

from django.core.management import call_command
from django.db import connections
from django.test import TransactionTestCase

from boogie.apps.tasks import Worker
from tests.project import services
from tests.support import prepared
from tests.support.celery_worker import CeleryWorker
from tests.support.names import fresh_name
from tests.support.processes import ROOT
from tests.support.waiting import wait_until

#: Longer than any wait: a test under this value cannot be saved by a second doorbell.
NEVER = 3600

#: Workers whose log is shown if the test that runs now fails.
watched = []


def environment(queue, broker=None, tasks=None, **extra):
    """
    Return the environment of a process that shares this session's database.

    ``broker`` is a URL in place of the session's; ``tasks`` are keys of ``BOOGIE_TASKS``.
    """
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.project.settings",
        "DATABASE": services.DATABASE,
        "BROKER": broker or services.BROKER,
        "DATABASE_NAME": str(connections["default"].settings_dict["NAME"]),
        "OTHER_DATABASE_NAME": str(connections["other"].settings_dict["NAME"]),
        "BOOGIE_QUEUE": queue,
        "BOOGIE_TASKS": json.dumps(tasks or {}),
        "BOOGIE_FUNCTION_QUEUES": json.dumps([queue]),
        **extra,
    }


class WorkerProcess(CeleryWorker):
    """A worker with one child, if ``options`` do not say otherwise; its log is shown on failure."""

    def __init__(self, log, env, *options, app="tests.project", **more):
        one_child = () if "-c" in options else ("-c", "1")
        super().__init__(
            log, env, "-n", f"{fresh_name()}@%h", *one_child, *options, app=app, **more
        )
        watched.append(self)

    def _begin(self, command, log, env, cwd):
        if cwd == ROOT and prepared.can_fork(command, env):
            log.touch()
            return prepared.fork(command, log, env)
        return super()._begin(command, log, env, cwd)

    @property
    def row(self):
        """The row of this worker's current life, or ``None``."""
        return Worker.objects.filter(pid=self.pid).first()

    def until_ready(self):
        """Wait until it consumes and the database knows of it."""
        wait_until(lambda: self.has_started() and self.row, self.patience)
        return self


@contextlib.contextmanager
def starting(directory, queue):
    """Yield a function that starts a worker on ``queue`` and waits until it is ready."""
    started = []

    def start(*options, broker=None, tasks=None, env=None, ready=True, **more):
        path = directory / f"worker-{len(started)}.log"
        variables = environment(queue, broker, tasks, **(env or {}))
        one = WorkerProcess(path, variables, *options, **more)
        started.append(one)
        return one.until_ready() if ready else one

    try:
        yield start
    finally:
        for one in started:
            one.stop()
            watched.remove(one)


@contextlib.contextmanager
def unflushed(blocker):
    """Keep what tests store until the block ends; ``blocker`` is that of pytest-django."""
    with blocker.unblock():
        with mock.patch.object(TransactionTestCase, "_fixture_teardown"):
            yield
        call_command("flush", interactive=False, verbosity=0)
        # Beside a browser's event loop connections belong to it: who ends the session sees none.
        connections.close_all()
