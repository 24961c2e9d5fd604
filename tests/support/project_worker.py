"""Real Celery workers in processes of their own, and the queues that they consume from."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import redis
from django.db import connections
from kombu import Connection

from boogie.apps.tasks import Worker
from tests.project import services
from tests.support.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent

#: Seconds for anything that a worker is waited for.
PATIENCE = 60

#: Longer than any wait: a test under this value cannot be saved by a second doorbell.
NEVER = 3600

#: Workers whose log is shown if the test that runs now fails.
watched = []


def fresh_name(prefix="boogie_test"):
    """Return a name that no other test and no other session has."""
    return f"{prefix}_{uuid.uuid4().hex[:12]}"


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
        **extra,
    }


class WorkerProcess:
    """One ``celery worker`` in a process group of its own, its output in a file."""

    def __init__(self, log, env, *options, app="tests.project", pool="prefork", python=()):
        self.path = Path(log)
        command = [
            *(sys.executable, *python, "-m", "celery", "-A", app, "worker"),
            *("-P", pool, "-l", "INFO", "-n", f"{fresh_name()}@%h"),
            # Workers of other sessions may be on the same broker.
            *("--without-mingle", "--without-gossip"),
            *(options if "-c" in options else ("-c", "1", *options)),
        ]
        with self.path.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        watched.append(self)

    @property
    def log(self):
        return self.path.read_text(errors="replace")

    @property
    def pid(self):
        return self.process.pid

    @property
    def row(self):
        """The row of this worker's current life, or ``None``."""
        return Worker.objects.filter(pid=self.pid).first()

    def has_started(self):
        """Return whether it consumes; fail if it has ended."""
        code = self.process.poll()
        assert code is None, f"the worker ended with {code}:\n{self.log}"
        return " ready." in self.log

    def until_ready(self):
        """Wait until it consumes and the database knows of it."""
        wait_until(lambda: self.has_started() and self.row, PATIENCE)
        return self

    def until_logged(self, text):
        wait_until(lambda: text in self.log, PATIENCE)

    def terminate(self):
        """Ask for a warm shutdown; don't wait."""
        self.process.send_signal(signal.SIGTERM)

    def kill(self):
        """End the worker and its children as a power cut does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)

    def stop(self):
        """End it warmly, or with force if it hangs; leave no child behind."""
        if self.process.poll() is None:
            self.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        self.kill()


def delete_queues(*names):
    """Take the queues of a test, and all else that bears their names, off a real broker."""
    if services.BROKER == "boogie":
        return
    with Connection(services.broker_url()) as connection:
        for name in names:
            channel = connection.channel()
            channel.queue_delete(name)
            channel.exchange_delete(name)
            channel.close()
    if services.BROKER == "redis":
        with redis.Redis.from_url(services.broker_url()) as client:
            for name in names:
                client.delete(*client.scan_iter(f"*{name}*"), name)
