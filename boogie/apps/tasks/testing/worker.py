"""
A real worker for one test: a process of its own, on the database of the test.

It reads the project's settings anew: what a test overrides, freezes or patches it does not see.
"""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from boogie.apps.tasks import current_app, models
from boogie.apps.tasks.broker import silence
from boogie.apps.tasks.broker.connection import broker_pool
from boogie.apps.tasks.db import features
from boogie.apps.tasks.models.stored import primary

from . import worker_process

#: Seconds in which it has to start, and to end when it is asked to.
START, END = 60.0, 10.0
#: Characters of its output that an error shows.
SHOWN = 5000


class Worker:
    """A worker in a process of its own; ``pid`` is that of the process."""

    def __init__(self, log: Path, told: dict[str, Any]) -> None:
        self.path = log
        env = {
            **os.environ,
            worker_process.VARIABLE: json.dumps(told),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", worker_process.__name__],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self.path.read_text(errors="replace")

    def until_ready(self) -> None:
        """Wait until it is known to the database; raise ``RuntimeError`` if that does not come."""
        deadline = time.monotonic() + START
        while not models.Worker.objects.on_primary().filter(pid=self.pid).exists():
            with suppress(subprocess.TimeoutExpired):
                code = self._process.wait(0.05)
                raise RuntimeError(f"boogie_worker: it ended with {code}. {self._said()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"boogie_worker: not ready within {START:g} s. {self._said()}")

    def _said(self) -> str:
        return f"Its output, in {self.path}, ends so:\n{self.log[-SHOWN:]}"

    def stop(self) -> None:
        """End it, with force if it hangs; leave none of its children behind."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END)
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def working(log: Path) -> Iterator[Worker]:
    """Have a worker of the default queue run what the test queues; its output goes to ``log``."""
    _refuse_what_no_process_sees()
    app: Any = current_app.celery_app()
    with ExitStack() as stack:
        queue = stack.enter_context(_own_queue(app)) if current_app.needs_ringing(app) else None
        names = {each.alias: str(each.settings_dict["NAME"]) for each in connections.all()}
        worker = Worker(log, {"databases": names, "queue": queue})
        stack.callback(worker.stop)
        worker.until_ready()
        stack.enter_context(silence.lifted())
        yield worker


def _refuse_what_no_process_sees() -> None:
    using = primary(models.Task)
    if not features.is_shared(connections[using]):
        raise ImproperlyConfigured(
            f"boogie_worker: the test database {using!r} is SQLite in memory, of which another "
            f"process sees nothing. Give it a file: "
            f"DATABASES[{using!r}]['TEST'] = {{'NAME': BASE_DIR / 'test.sqlite3'}}."
        )
    if connections[using].in_atomic_block:
        raise RuntimeError(
            "boogie_worker: this test never commits, so that a worker sees nothing of it. Use "
            "transactional_db, or django_db(transaction=True)."
        )
    if not os.environ.get("DJANGO_SETTINGS_MODULE"):
        raise ImproperlyConfigured(
            "boogie_worker: a worker needs settings that it can import. Set DJANGO_SETTINGS_MODULE."
        )


# --- a broker -------------------------------------------------------------------------


@contextmanager
def _own_queue(app: Any) -> Iterator[str]:
    """
    Have the default queue be one that no other worker on this broker consumes from.

    One of another test process, or of somebody's development server, would take the
    messages, and find no row.
    """
    name = f"{current_app.setting(app, 'task_default_queue')}-test-{uuid.uuid4().hex[:12]}"
    changes = app.conf.changes
    spellings = current_app.spellings(app, "task_default_queue")
    before = {key: changes[key] for key in spellings if key in changes}
    current_app.change(app, "task_default_queue", name)
    _forget(app)
    try:
        yield name
    finally:
        for key in spellings:
            changes.pop(key, None)
        changes.update(before)
        _forget(app)
        _delete(app, name)


def _forget(app: Any) -> None:
    """Have everybody look up the default queue again."""
    vars(app.amqp).pop("default_queue", None)
    current_app.forget()
    broker_pool.forget()


def _delete(app: Any, queue: str) -> None:
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        channel.queue_delete(queue)
        channel.exchange_delete(queue)
