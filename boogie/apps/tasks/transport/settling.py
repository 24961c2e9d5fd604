"""
What a consumer is done with: the database is told, now or as soon as it answers.

Nothing here raises because the database is away: an acknowledgement that did
would cost the consumer a place.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import Error, connections

from boogie.apps.tasks import identity
from boogie.apps.tasks.db import commits, outages
from boogie.apps.tasks.db.connections import close_connections, drop
from boogie.apps.tasks.lifecycle import transitions
from boogie.apps.tasks.models import Message, Task
from boogie.apps.tasks.models.stored import primary

logger = logging.getLogger(__name__)

#: Seconds for which an event loop may wait for a lock; then it is told later.
PATIENCE = 1.0

#: What this process is done with, and the database has not been told yet: what tells it. A consumer
#: that is started anew goes on with what another has left.
_untold: deque[Callable[[], Any]] = deque()


def settle(key: Any, again: bool) -> None:
    """Delete a message, or have it delivered ``again``, to whomever."""
    _untold.append(partial(_settle, key, again))
    catch_up()


def release(keys: list[Any]) -> None:
    """Have rows that were reserved and not begun offered to others, now rather than later."""
    _untold.append(partial(_release, keys))
    catch_up()


def catch_up() -> None:
    """Do what is still to be done of all that was settled."""
    try:
        while (telling := _next()) is not None:
            _do(telling)
    except Error as error:
        connection = connections[primary(Message)]
        if not commits.in_transaction(connection):
            drop(connection)  # nobody else may have a use for it, and notice that it is broken
        logger.warning("boogie:// has %s thing(s) to settle later: %s", len(_untold), error)


def _next() -> Callable[[], Any] | None:
    """Take what is to be done next: threads and greenlets of a pool come at the same time."""
    try:
        return _untold.popleft()
    except IndexError:
        return None


def _do(telling: Callable[[], Any]) -> None:
    try:
        telling()
    except BaseException:
        _untold.append(telling)
        raise


def _release(keys: list[Any]) -> None:
    transitions.release(Task.objects.on_primary().filter(pk__in=keys))


def _settle(key: Any, again: bool) -> None:
    stored = Message.objects.on_primary().filter(pk=key)
    mine = stored.filter(worker=identity.worker_id())
    tell = mine.give_back if again else stored.delete
    outages.unlocked(primary(Message), tell, PATIENCE)
    if identity.has_greenlets() and threading.current_thread() is not threading.main_thread():
        # A greenlet of the pool, whose run may be over: nobody would use its connection again.
        close_connections()
