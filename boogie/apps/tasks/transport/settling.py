"""
What a consumer is done with: the database is told, now or as soon as it answers.

Nothing here raises because the database is away: an acknowledgement that did
would cost the consumer a place.
"""

import logging
import threading
from typing import Any

from django.db import Error

from boogie.apps.tasks import identity
from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.connections import close_connections
from boogie.apps.tasks.lifecycle import transitions
from boogie.apps.tasks.models import Message, Task
from boogie.apps.tasks.models.querysets import primary

logger = logging.getLogger(__name__)

#: Messages of this process that are done with: their keys, and whether they are to be delivered
#: again. A consumer that is started anew goes on with what another has left.
_settled: list[tuple[Any, bool]] = []


def settle(key: Any, again: bool) -> None:
    """Delete a message, or have it delivered ``again``, to whomever."""
    _settled.append((key, again))
    catch_up()


def catch_up() -> None:
    """Do what is still to be done of all that was settled."""
    try:
        while _settled:
            _settle(*_settled[0])
            _settled.pop(0)
    except Error as error:
        logger.warning("boogie:// will settle %s message(s) later: %s", len(_settled), error)


def release(keys: list[Any]) -> None:
    """Have rows that were reserved and not begun offered to others, now rather than later."""
    try:
        transitions.release(Task.objects.on_primary().filter(pk__in=keys))
    except Error as error:
        # The lease ends by itself.
        logger.warning("boogie:// leaves %s row(s) to RING_AGAIN: %s", len(keys), error)


def _settle(key: Any, again: bool) -> None:
    stored = Message.objects.on_primary().filter(pk=key)
    mine = stored.filter(worker=identity.worker_id())
    outages.unlocked(primary(Message), mine.give_back if again else stored.delete)
    if identity.has_greenlets() and threading.current_thread() is not threading.main_thread():
        # A greenlet of the pool, whose run may be over: nobody would use its connection again.
        close_connections()
