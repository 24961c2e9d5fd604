"""
What this process hears on ``boogie://``: commands, answers and events, which are said to all.

Each of its queues that is bound to an exchange for all is a row of ``Listener``, which
expires when nobody says any more that it is there. What was said to it lies in rows of
``Announcement``: whichever transport of the process looks takes it off the table, for all.
"""

import json
import logging
import os
import threading
import time
from collections import defaultdict, deque
from queue import Empty
from typing import Any

from django.db import Error, connections

from boogie.apps.tasks import identity
from boogie.apps.tasks.broker.fleet import fleet
from boogie.apps.tasks.broker.reserved import event_exchange
from boogie.apps.tasks.db import compiled, sql
from boogie.apps.tasks.db.connections import drop
from boogie.apps.tasks.models import Announcement, Listener
from boogie.apps.tasks.models.stored import primary

from .at_once import at_once
from .ears import SAYS_SO_EVERY, WORKER_SAYS_SO_EVERY, Ear, create, delete, say_so

logger = logging.getLogger(__name__)

#: Read at once.
BATCH = 500
#: Seconds for which one transport of a worker leaves it to another to look.
PATIENCE = 2.0


class Hearing:
    """The ears of one process."""

    def __init__(self) -> None:
        self._forget_all()
        # A child reads nothing that was said to its parent.
        os.register_at_fork(after_in_child=self._forget_all)

    def _forget_all(self) -> None:
        #: Queues that were bound, those of them that listen, and those that may do so again.
        self._bound: dict[str, set[Ear]] = defaultdict(set)
        self._ears: dict[str, set[Ear]] = {}
        self._paused: dict[str, set[Ear]] = {}
        self._heard: dict[str, deque[Any]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._said_so = self._looked = 0.0
        #: Whether a look has found that something was said; ``None``: none has asked.
        self._is_spoken_to: bool | None = None
        #: Whether anybody listens to events, as the last look of a worker found, and when.
        self.events_wanted: tuple[bool, float] | None = None

    def __contains__(self, queue: str) -> bool:
        return queue in self._ears

    def ears(self, queues: list[str]) -> set[Ear]:
        """Return those that some queues have."""
        return {ear for queue in queues for ear in self._ears.get(queue, ())}

    # --- beginning and ending ---------------------------------------------------------

    def bind(self, ear: Ear) -> None:
        """Note that a queue is bound; it listens when it is consumed from, or for answers now."""
        self._bound[ear.queue].add(ear)
        if ear.is_for_answers:
            self.listen(ear.queue)

    def listen(self, queue: str) -> None:
        """Have a queue that was bound hear what is said from now on."""
        if queue in self._paused:
            self._ears[queue] = self._paused.pop(queue)
        elif queue in self._bound and queue not in self._ears:
            at_once(primary(Listener), lambda: self._listen(queue, self._bound[queue]))

    def _listen(self, queue: str, ears: set[Ear]) -> None:
        # Nothing is left to it of a former life.
        delete(queue)
        create(ears)
        self._heard[queue].clear()
        self._ears[queue] = set(ears)

    def end(self, queue: str) -> None:
        """
        Have a queue hear nothing more.

        A worker begins anew with its mailbox after a command that failed: what was said to it
        meanwhile is not lost.
        """
        ears = self._ears.pop(queue, set())
        if any(ear.is_for_commands for ear in ears):
            self._paused[queue] = ears
        elif ears:
            self._end(queue)

    def end_paused(self) -> None:
        """End those that have not listened again."""
        while self._paused:
            queue, _ = self._paused.popitem()
            self._end(queue)

    def _end(self, queue: str) -> None:
        self._heard.pop(queue, None)
        try:
            at_once(primary(Listener), lambda: delete(queue))
        except Error as error:
            logger.info("boogie:// leaves the listener %s to expire: %s", queue, error)
            drop(connections[primary(Listener)])

    # --- hearing ----------------------------------------------------------------------

    def get(self, queue: str) -> Any:
        """Take a message that was heard in a queue; raise ``Empty`` if there is none."""
        try:
            return self._heard[queue].popleft()
        except IndexError:
            raise Empty from None

    def put_back(self, queue: str, message: Any) -> None:
        """Have a message heard once more."""
        self._heard[queue].append(message)

    def size(self, queue: str) -> int:
        """Return how many messages were heard and not taken."""
        return len(self._heard[queue])

    def purge(self, queue: str) -> int:
        """Drop what was heard and not taken; return how many messages that was."""
        size = self.size(queue)
        self._heard[queue].clear()
        return size

    def questions(self) -> list[compiled.Part]:
        """Return what a look asks besides: does anybody want events, is anything said to us."""
        if not self._ears and not identity.is_worker():
            return []
        using = primary(Listener)
        queues = tuple(sorted(self._ears))
        events = event_exchange()

        def build(connection: Any) -> list[compiled.Part]:
            parts = [sql.exists(Listener.objects.using(using).alive().filter(exchange=events))]
            if queues:
                parts.append(sql.exists(Announcement.objects.using(using).filter(queue__in=queues)))
            return parts

        found: list[compiled.Part] = compiled.cached(using, ("hearing", queues, events), build)
        return found

    @property
    def is_spoken_to(self) -> bool:
        """Whether a look has found that something was said, which nobody has taken yet."""
        return bool(self._is_spoken_to)

    def note(self, answers: list[bool]) -> None:
        """Take the answers to these questions."""
        if answers:
            self._looked = time.monotonic()
            self.events_wanted = answers[0], self._looked
            self._is_spoken_to = answers[-1] if self._ears else None

    def stay(self) -> None:
        """Say that these ears are there if it is time to, however far off the next look is."""
        if self._is_late() and self._lock.acquire(blocking=False):
            try:
                at_once(primary(Listener), self._say_so)
            finally:
                self._lock.release()

    def _is_late(self) -> bool:
        all_are_workers = all(ear.worker for ear in self.ears(list(self._ears)))
        every = WORKER_SAYS_SO_EVERY if all_are_workers else SAYS_SO_EVERY
        # A failover that has lost the worker's row has lost these, too.
        is_time = time.monotonic() > self._said_so + every or fleet.entered > self._said_so
        return bool(self._ears) and is_time

    def _say_so(self) -> None:
        say_so(self.ears(list(self._ears)))
        self._said_so = time.monotonic()

    def call(self) -> None:
        """Note that somebody has told us that something was said."""
        self._is_spoken_to = True

    def attend(self, is_patient: bool = False) -> None:
        """
        Take what was said off the table, if a look has not found that there is nothing.

        ``is_patient``: not if another transport of this process has looked lately.
        """
        self.stay()  # without an event loop nobody else does
        now = time.monotonic()
        spoken_to, self._is_spoken_to = self._is_spoken_to, None
        if is_patient and not spoken_to and now < self._looked + PATIENCE:
            return
        if not self._ears or not self._lock.acquire(blocking=False):
            return
        try:
            if spoken_to is not False:
                at_once(primary(Listener), self._read)
                self._looked = now
        finally:
            self._lock.release()

    def _read(self) -> None:
        said = Announcement.objects.on_primary().filter(queue__in=list(self._ears)).order_by("pk")
        found = list(said.values_list("pk", "queue", "payload")[:BATCH])
        if not found:
            return
        keys = [key for key, _, _ in found]
        # What has waited for too long is not answered any more.
        fresh = set(said.fresh().filter(pk__in=keys).values_list("pk", flat=True))
        Announcement.objects.on_primary().filter(pk__in=keys).delete_now()
        for key, queue, payload in found:
            if key in fresh and queue in self._ears:
                message = json.loads(payload)
                message["properties"]["delivery_info"]["heard_in"] = queue
                self._heard[queue].append(message)


hearing = Hearing()
