"""
When ``boogie://`` looks at the database, and how it is told that there is something to see.

On PostgreSQL a worker with an event loop that waits is notified, by the triggers of the second
migration, and looks once a second besides; on SQLite it watches the database
file; on MariaDB and MySQL it polls, more slowly the longer nothing comes.
"""

import contextlib
import logging
import os
import time
from collections.abc import Iterable
from typing import Any

from django.db import Error, connections

from boogie.apps.tasks import identity
from boogie.apps.tasks.db import features
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.connections import apart
from boogie.apps.tasks.models import Task, Worker
from boogie.apps.tasks.models.stored import primary

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
#: A waiting worker asks to be notified for this long, and asks again after half of it.
LISTEN_FOR = 30.0


class Watch:
    """When to look at the database, and how to be told."""

    def __init__(self) -> None:
        self._interval = FASTEST
        self._next = 0.0
        self._signature: list[Any] = []
        self._listener: Any = None
        self._descriptor = -1
        self._listening_since: float | None = None

    # --- polling ----------------------------------------------------------------------

    @property
    def pulse(self) -> float:
        """Seconds until it is worth asking :meth:`is_time` again."""
        if self._files():
            return FASTEST
        return max(0.001, min(SURE, self._next - time.monotonic()))

    def is_time(self) -> bool:
        """Return whether to look now: the time has come, or a SQLite file has changed."""
        if time.monotonic() >= self._next or self._has_to_ask_again():
            return True
        signature = [_stat(path) for path in self._files()]
        changed, self._signature = bool(signature != self._signature), signature
        return changed

    def _files(self) -> list[str]:
        file = features.file_of(connections[primary(Task)])
        return [file, f"{file}-wal"] if file else []

    def found(self, number: int, is_look: bool = True) -> None:
        """Note how much the last look brought, or a fetch that was none."""
        sure = self._listening_since is not None or bool(self._files())
        slowest = SURE if sure else SLOWEST
        self._interval = FASTEST if number else min(self._interval * 1.5, slowest)
        at = time.monotonic() + (slowest if sure else self._interval)
        self._next = at if is_look else min(self._next, at)

    def away(self) -> None:
        """Note that the database did not answer."""
        self._next = time.monotonic() + AWAY_PAUSE

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

    def _ask_to_be_notified(self, busy: bool) -> None:
        """
        Say in the worker's row until when it waits.

        The trigger notifies only then: a NOTIFY holds a lock that all commits
        of the server share, and a busy worker fetches without being told.
        """
        now = time.monotonic()
        mine = Worker.objects.on_primary().filter(pk=identity.worker_id())
        if busy:
            if self._listening_since is not None:
                mine.update(listening=None)
                self._listening_since = None
        elif self._listening_since is None or self._has_to_ask_again():
            found = mine.update(listening=Moment(LISTEN_FOR))
            self._listening_since = now if found else None

    def _has_to_ask_again(self) -> bool:
        """Notifications put off the next look, but they end when nobody asks for them."""
        since = self._listening_since
        return since is not None and time.monotonic() > since + LISTEN_FOR / 2

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
        return _meant_for(identity.worker_id(), told)

    def pass_on(self, tables: Iterable[str]) -> None:
        """Tell every worker that waits what this one was told of and cannot take alone."""
        # Not on the connection that listens: what comes meanwhile would be taken for an answer.
        with contextlib.suppress(Error), connections[primary(Task)].cursor() as cursor:
            for table in tables:
                cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, table])

    def stop_listening(self, hub: Any) -> None:
        """Close the connection that is notified; from here on the database is only polled."""
        listener, self._listener, self._listening_since = self._listener, None, None
        if listener is not None:
            hub.remove_reader(self._descriptor)
            with contextlib.suppress(Exception):
                listener.close()


def _meant_for(worker: str, told: set[str]) -> dict[str, bool]:
    """Read notifications: the name of a table, and on further lines who alone is told of it."""
    lines = [text.split("\n") for text in told]
    return {table: bool(chosen) for table, *chosen in lines if not chosen or worker in chosen}


def _stat(path: str) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return (0, 0)
    return (status.st_mtime_ns, status.st_size)
