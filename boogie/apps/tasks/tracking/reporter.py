"""
What one run tells of itself, and how seldom that is written.

A write is one guarded UPDATE. It is never an error of the body: a database that is away costs the
bar, not the run.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from threading import get_ident
from typing import Any

from django.db import DEFAULT_DB_ALIAS, Error, connections, transaction

from boogie.apps.tasks import identity
from boogie.apps.tasks.db import commits, features, outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.connections import apart, drop
from boogie.apps.tasks.lifecycle import history, transitions
from boogie.apps.tasks.models import Progress, Task
from boogie.apps.tasks.serialization import sealing, secrets

logger = logging.getLogger(__name__)

#: Seconds between two writes of one run.
WRITE_EVERY = 0.5
#: Records that are kept of one row.
MAX_RECORDS = 500
MAX_NOTE = 255


@dataclass(eq=False)  # two loops that are equally far are two
class Step:
    """How far a loop is; one in another is a part of the step that goes on there."""

    done: float = 0
    total: float | None = None
    note: str = ""
    #: By ``progress()``; else it is a loop's.
    is_told: bool = False

    def fraction(self, inner: float) -> float | None:
        """Return the part that is done, from 0 to 1."""
        if self.total is None:
            return None
        return min(1.0, (self.done + inner) / self.total) if self.total else 1.0


class Reporter:
    """Keeps the progress and the log of one run, and writes them now and then."""

    def __init__(self, row: Task) -> None:
        self.row = row
        self.db = row._state.db or DEFAULT_DB_ALIAS
        self.steps: list[Step] = []
        self.records: list[dict[str, Any]] = list(row.log)
        #: The thread that writes now.
        self.writer: int | None = None
        #: While a coroutine is the body: calls something in the thread of the run.
        self.elsewhere: Callable[[Callable[[], bool]], None] | None = None
        #: The level of logging from which on lines are kept.
        self.keeps: int | None = None
        #: What is hidden in notes and lines.
        self.hidden: tuple[str, ...] = ()
        #: Whether these are stored encrypted.
        self.seals = False
        self._progress: Progress | None = None
        self._has_moved = self._has_logged = False
        self._next_write = 0.0
        self._apart: Any = None
        #: Whether the row is not committed yet: only the connection of the body sees it.
        self._is_inside = identity.is_call(row.worker)

    def tell(self) -> None:
        """Take note of how far the steps are."""
        fraction: float | None = None
        for step in reversed(self.steps):
            fraction = step.fraction(fraction or 0.0)
        notes = [step.note for step in self.steps if step.note]
        outer, note = self.steps[0], notes[-1] if notes else ""
        note = history.fit(secrets.masked(note, self.hidden)[:MAX_NOTE], MAX_NOTE)
        self._progress = Progress(outer.done, outer.total, note, fraction)
        self._has_moved = True

    def record(self, record: dict[str, Any]) -> None:
        """Take note of a line of the log."""
        self.records.append(record)
        del self.records[:-MAX_RECORDS]
        self._has_logged = True

    def stay_inside(self) -> None:
        """Write on the connection of the body alone: its transaction is never committed."""
        self._is_inside = True

    @property
    def is_due(self) -> bool:
        """Whether there is something to write, and it is time to."""
        is_new = self._has_moved or self._has_logged
        return is_new and self.writer is None and time.monotonic() >= self._next_write

    def write_from_loop(self) -> None:
        """Have it written while the event loop that runs here goes on."""
        if self.elsewhere is not None:
            self._next_write = time.monotonic() + WRITE_EVERY
            self.elsewhere(self.write)

    def write(self) -> bool:
        """Write what is new; return whether the run still has its row, as far as one can see."""
        self._next_write = time.monotonic() + WRITE_EVERY
        self.writer = get_ident()
        try:
            return self._write()
        except Error as error:
            logger.info("The progress of %s cannot be written: %s", self.row, error)
            return True
        finally:
            self.writer = None

    def _write(self) -> bool:
        connection = connections[self.db]
        if self._is_inside or not commits.in_transaction(connection):
            return self._write_here(connection)
        if features.has_one_writer(connection):
            return True  # at the end, in the transaction of the body
        try:
            if self._write_apart():
                return True
        except Error as error:
            if not outages.is_locked(error):
                raise
        # Nobody else sees the row, or the transaction of the body has locked it.
        self._is_inside = transitions.is_free_to(Task.objects.using(self.db), self.row)
        return self._is_inside and self._write_here(connection)

    def _write_here(self, connection: Any) -> bool:
        if not commits.in_transaction(connection):
            try:
                return self._update(connection)
            except Error:
                drop(connection)
                raise
        if connection.needs_rollback:
            return True
        with transaction.atomic(using=self.db):  # what goes wrong is not to break what is around
            return self._update(connection)

    def _write_apart(self) -> bool:
        """Write outside of the transaction of the body: others are to see it now."""
        try:
            if self._apart is None:
                self._apart = apart(self.db)
                features.be_impatient(self._apart)
            return self._update(self._apart)
        except Error:
            self._leave()
            raise

    def _update(self, connection: Any) -> bool:
        changes: dict[str, Any] = {}
        news = self._has_moved, self._has_logged
        if self._has_moved:
            changes |= {"progress": self._stored_progress(), "progressed": Moment()}
        if self._has_logged:
            changes["log"] = self._stored_records()
        # Not afterwards: a coroutine goes on to tell while a thread writes for it.
        self._has_moved = self._has_logged = moved = False
        try:
            rows = Task.objects.using(self.db)
            moved = bool(transitions.note(connection, rows, self.row, changes))
        finally:
            if not moved:
                self._has_moved, self._has_logged = news
        return moved

    def _stored_progress(self) -> Any:
        if not self.seals or self._progress is None or not self._progress.note:
            return self._progress
        return {**asdict(self._progress), "note": sealing.Secret(self._progress.note)}

    def _stored_records(self) -> list[dict[str, Any]]:
        if not self.seals:
            return [sealing.resealed(record) for record in self.records]
        return [{**each, "message": sealing.secret(each["message"])} for each in self.records]

    def finish(self, has_raised: bool = False) -> None:
        """
        Write what is left when the body has ended, before its row is settled.

        Where only one can write, that is done in the transaction of the body. If that is about to
        be rolled back, nothing is: it is finished again after that.
        """
        if self._has_moved or self._has_logged:
            if not has_raised and features.has_one_writer(connections[self.db]):
                self._is_inside = True
            self.write()
        self._leave()

    def _leave(self) -> None:
        if self._apart is not None:
            drop(self._apart)
            self._apart = None


_current: ContextVar[Reporter | None] = ContextVar("boogie_tasks_reporter", default=None)


def current() -> Reporter | None:
    """Return the reporter of the run that this is called in; ``None`` outside of a run."""
    return _current.get()


@contextmanager
def speaking(reporter: Reporter) -> Iterator[None]:
    """Have what is told within be told of the run of ``reporter``."""
    token = _current.set(reporter)
    try:
        yield
    finally:
        _current.reset(token)
