"""
When ``boogie://`` looks at the database, and how it is told that there is something to see.

On PostgreSQL a worker with an event loop that waits is notified, by the triggers of the second
migration, and looks once a second besides, less often if many wait; on SQLite it watches the
database file; on MariaDB and MySQL it polls, more slowly the longer nothing comes.
"""

import contextlib
import logging
import os
import time
from collections.abc import Iterable
from typing import Any

from django.db import Error, connections

from boogie.apps.tasks import identity
from boogie.apps.tasks.broker import requests
from boogie.apps.tasks.broker.fleet import LISTEN_FOR, fleet, luck, share
from boogie.apps.tasks.db import features
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.connections import apart, keep_alive
from boogie.apps.tasks.models import Task, Worker
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.models.worker import WorkerQuerySet

logger = logging.getLogger(__name__)

#: Name of the PostgreSQL notification; the second migration's trigger sends it.
CHANNEL = "boogie_tasks"

#: Seconds between two looks: right after work came, and after a long time without. (With
#: what the keeper asks, and what a listener says of itself, that makes two statements a second.)
FASTEST, SLOWEST = 0.02, 0.99
#: The same where something tells us of new work; some rows become due by themselves.
SURE = 1.0
#: Seconds after a database error.
AWAY_PAUSE = 1.0


PASS_ON = """
    SELECT pg_notify(%s, %s || chosen)
    FROM unnest(%s::text[]) AS queue, boogie_tasks_few(ARRAY[queue], 2) AS chosen
    WHERE chosen IS NOT NULL
"""


class Watch:
    """When to look at the database, and how to be told."""

    def __init__(self) -> None:
        self._interval = FASTEST
        #: When it looked, when it is to look again, and what chance says to that.
        self._looked = self._next = 0.0
        self._luck = 1.0
        self._signature: list[Any] = []
        self._listener: Any = None
        self._descriptor = -1
        self._listening_since: float | None = None
        #: Whether a notification has come: through a pooler none may, whatever is asked for.
        self._hears = False

    # --- polling ----------------------------------------------------------------------

    @property
    def is_told(self) -> bool:
        """Whether this worker has said that it waits, and is notified of new work."""
        return self._listening_since is not None

    @property
    def hears(self) -> bool:
        """Whether this worker is notified when it says that it waits."""
        return self._listener is not None and self._hears

    @property
    def pulse(self) -> float:
        """Seconds until it is worth asking :meth:`is_time` again."""
        if self._files():
            return FASTEST
        return max(0.001, min(SURE, self._time() - time.monotonic()))

    def is_time(self) -> bool:
        """Return whether to look now: the time has come, or a SQLite file has changed."""
        if time.monotonic() >= self._time() or self._has_to_ask_again():
            return True
        signature = [_stat(path) for path in self._files()]
        changed, self._signature = bool(signature != self._signature), signature
        return changed

    def _files(self) -> list[str]:
        file = features.file_of(connections[primary(Task)])
        return [file, f"{file}-wal"] if file else []

    def _time(self) -> float:
        """Return when to look: sooner than was planned, if fewer share the looks by now."""
        return min(self._next, self._looked + self._sure())

    def found(self, number: int, is_look: bool = True) -> None:
        """Note how much the last look brought, or a fetch that was none."""
        now = time.monotonic()
        if is_look:
            self._looked, self._luck = now, luck()
        sure = self.is_told or bool(self._files())
        slowest = self._sure() if sure else SLOWEST
        self._interval = FASTEST if number else min(self._interval * 1.5, slowest)
        at = now + (slowest if sure else self._interval)
        self._next = at if is_look else min(self._next, at)

    def _sure(self) -> float:
        """Return the seconds between two looks of one who is told; those who wait share them."""
        many = share(fleet.waiting) if self.is_told and self._hears else 1.0
        return SURE * many * self._luck if many > 1.0 else SURE

    def away(self) -> None:
        """Note that the database did not answer."""
        self._looked = time.monotonic()
        self._next = self._looked + AWAY_PAUSE

    # --- LISTEN / NOTIFY --------------------------------------------------------------

    def listen(self, hub: Any, callback: Any, busy: bool) -> None:
        """On PostgreSQL: ask to be notified while this worker has nothing to do."""
        if not features.notifies(connections[primary(Task)]):
            return
        try:
            if self._listener is None:
                self._start_listening(hub, callback)
            self._ask_to_be_notified(busy)
        except Error as error:
            logger.warning("boogie:// cannot LISTEN, it polls: %s", error)
            self.stop_listening(hub)

    def _start_listening(self, hub: Any, callback: Any) -> None:
        # For as long as the worker lives: a pool would lack it.
        listener = apart(primary(Task))
        listener.inc_thread_sharing()
        with listener.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        self._listener = listener
        # A connection that is lost does not tell its number any more.
        self._descriptor = listener.connection.fileno()
        hub.add_reader(self._descriptor, callback)
        keep_alive(self._descriptor)
        self._greet()

    def _greet(self) -> None:
        """Notify this worker, of nothing: who hears that may leave it to others to look."""
        with connections[primary(Task)].cursor() as cursor:
            greeting = f"\n{identity.worker_id()}"
            cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, greeting])

    def _ask_to_be_notified(self, busy: bool) -> None:
        """
        Say in the worker's row until when it waits.

        The trigger notifies only then: a NOTIFY holds a lock that all commits
        of the server share, and a busy worker fetches without being told.
        """
        now = time.monotonic()
        if busy:
            if self.is_told:
                self.say_busy()
        elif not self.is_told or self._has_to_ask_again():
            has_room = not requests.is_full()
            found = _mine().update(listening=Moment(LISTEN_FOR), has_room=has_room)
            self._listening_since = now if found else None
            fleet.listens = bool(found)

    def say_busy(self) -> None:
        """Say in the worker's row that it does not wait."""
        self._listening_since, fleet.listens = None, False
        _mine().update(listening=None)

    def _has_to_ask_again(self) -> bool:
        """
        Notifications put off the next look, but they end when nobody asks for them.

        Heartbeats ask again; where none has for half of the time, this process does.
        """
        since = self._listening_since
        return since is not None and time.monotonic() > max(since, fleet.told) + LISTEN_FOR / 2

    def read_notifications(self, hub: Any) -> dict[str, bool]:
        """
        Take the notifications off the wire.

        Return the tables of those that are for this worker, and whether few others were told.
        """
        told: set[str] = set()
        try:
            raw = self._listener.connection
            if hasattr(raw, "pgconn"):  # psycopg 3
                raw.pgconn.consume_input()
                while notification := raw.pgconn.notifies():
                    told.add(notification.extra.decode())
            else:
                raw.poll()
                told.update(notification.payload for notification in raw.notifies)
                raw.notifies.clear()
        except Exception as error:
            logger.warning("boogie:// lost its LISTEN connection, it polls: %s", error)
            self.stop_listening(hub)
        self._hears = self._hears or bool(told)
        return _meant_for(identity.worker_id(), told)

    def pass_on(self, tables: Iterable[str], queues: list[str]) -> None:
        """
        Tell two workers that wait of each queue what this one was told of and cannot take alone.

        Each of them tells two others, as long as there is more.
        """
        if not features.notifies(connections[primary(Task)]):
            return
        # Not on the connection that listens: what comes meanwhile would be taken for an answer.
        with contextlib.suppress(Error), connections[primary(Task)].cursor() as cursor:
            for table in tables:
                cursor.execute(PASS_ON, [CHANNEL, table, queues])

    def stop_listening(self, hub: Any) -> None:
        """Close the connection that is notified; from here on the database is only polled."""
        listener, self._listener, self._listening_since = self._listener, None, None
        fleet.listens = self._hears = False
        if listener is not None:
            hub.remove_reader(self._descriptor)
            with contextlib.suppress(Exception):
                listener.close()
            with contextlib.suppress(Error):  # else that runs out by itself
                self.say_busy()


def _mine() -> WorkerQuerySet:
    return Worker.objects.on_primary().filter(pk=identity.worker_id())


def _meant_for(worker: str, told: set[str]) -> dict[str, bool]:
    """Read notifications: the name of a table, and on further lines who alone is told of it."""
    lines = [text.split("\n") for text in told if not text.startswith("\n")]
    return {table: bool(chosen) for table, *chosen in lines if not chosen or worker in chosen}


def _stat(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
