"""
What is said to all who listen on ``boogie://``: commands, answers to them, and events.

Nothing is written while nobody listens.
"""

import json
import threading
import time
from collections.abc import Collection
from typing import Any

from django.db import Error, connections
from django.db.models import Q

from boogie.apps.tasks import loops
from boogie.apps.tasks.broker.fleet import fleet, share
from boogie.apps.tasks.broker.reserved import CONTROL, event_exchange
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.connections import drop
from boogie.apps.tasks.models import Announcement, Listener, Worker
from boogie.apps.tasks.models.stored import primary

from .at_once import at_once, elsewhere
from .hearing import hearing

#: Seconds for which a process remembers who listens to events.
REMEMBERED = 1.0
#: Seconds for which it is believed that nobody does, once a look of a worker has found so.
BELIEVED = 3.0
#: The same of one of many workers.
MOST = 60.0
#: Seconds beyond its timeout for which answers to a command are waited for while a worker has not
#: read it: some look for commands once a second.
UNREAD = 2.0
#: Seconds that a worker has to answer once it has read a command so late.
ANSWERED = 0.25


class Audience:
    """Who listens."""

    def __init__(self) -> None:
        #: Who listens to events, and when that was asked.
        self._known: list[Any] = []
        self._asked = 0.0

    def of(self, exchange: str) -> list[Any]:
        """Return the listeners of an exchange."""
        if exchange != event_exchange():
            return _listeners(exchange)
        now = time.monotonic()
        if hearing.events_wanted is not None:
            wanted, asked = hearing.events_wanted
            # Those who share their looks look less often, and are not to ask more often for that.
            if not wanted and now < asked + min(BELIEVED * share(fleet.waiting), MOST):
                return []
        if now > self._asked + REMEMBERED:
            self._known = _listeners(exchange)
            self._asked = now
            if hearing.events_wanted is not None:
                hearing.events_wanted = bool(self._known), now
        return self._known


audience = Audience()


def _listeners(exchange: str) -> list[Any]:
    alive = Listener.objects.on_primary().alive().filter(exchange=exchange)
    if exchange.endswith(CONTROL):
        # A worker that was killed reads no command.
        workers = Worker.objects.on_primary().alive(conf.WORKER_TIMEOUT)
        alive = alive.filter(Q(worker="") | Q(worker__in=workers.values("pk")))
    return elsewhere(lambda: list(alive)) if loops.is_running() else list(alive)


class _Asked(threading.local):
    """The last command of this thread: its tag, and when a worker was first seen to have it."""

    tag = ""
    read: float | None = None


_asked = _Asked()


def say(message: dict[str, Any], exchange: str, listeners: Collection[Any]) -> None:
    """Store a message for each of ``listeners``."""
    tag = message["properties"]["delivery_tag"]
    payload = json.dumps(message)
    copies = [
        Announcement(
            queue=one.queue, worker=one.worker, tag=tag, payload=payload, expires=Moment(one.keeps)
        )
        for one in listeners
    ]
    using = primary(Announcement)
    try:
        at_once(using, lambda: Announcement.objects.using(using).bulk_create(copies))
    except Error:
        if not connections[using].in_atomic_block:
            drop(connections[using])  # kombu tries again
        raise
    if exchange.endswith(CONTROL):
        _asked.tag, _asked.read = tag, None


def may_be_answered(deadline: float) -> bool:
    """Return whether answers to this thread's last command may come although it is past time."""
    now = time.monotonic()
    if not _asked.tag:
        return False
    if _asked.read is None and now < deadline + UNREAD:
        using = primary(Announcement)
        unread = Announcement.objects.using(using).filter(tag=_asked.tag)
        if at_once(using, unread.exists):
            return True
        _asked.read = now
    if _asked.read is not None and now < _asked.read + ANSWERED:
        return True
    _asked.tag = ""
    return False
