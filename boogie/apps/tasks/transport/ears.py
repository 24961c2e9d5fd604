"""
An ear: a queue of this process that hears what is for all, and the row that tells others of it.
"""

from collections.abc import Collection
from typing import NamedTuple

from boogie.apps.tasks.broker.reserved import CONTROL
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Announcement, Listener

#: How names of exchanges begin to which answers to commands are sent.
ANSWERS = "reply."
#: Seconds after which a listener of which nothing is heard is gone, and between two times that it
#: says that it is there.
LISTENS_FOR, SAYS_SO_EVERY = 30.0, 10.0
#: The same of a worker: that one has died its heartbeat tells as well.
WORKER_LISTENS_FOR, WORKER_SAYS_SO_EVERY = 300.0, 120.0


class Ear(NamedTuple):
    """A queue of this process, and what it is bound to."""

    queue: str
    exchange: str
    routing_key: str = ""
    #: The worker that is to be notified, on PostgreSQL.
    worker: str = ""
    #: Seconds for which a message waits to be read.
    keeps: float = 300.0

    @property
    def is_for_commands(self) -> bool:
        """Whether it is the mailbox of a worker."""
        return self.exchange.endswith(CONTROL) and not self.is_for_answers

    @property
    def listens_for(self) -> float:
        """Seconds for which it is there once it has said so."""
        return WORKER_LISTENS_FOR if self.worker else LISTENS_FOR

    @property
    def is_for_answers(self) -> bool:
        """Whether somebody waits here for answers to a command."""
        return self.exchange.endswith(CONTROL) and self.exchange.startswith(ANSWERS)


def say_so(ears: Collection[Ear]) -> None:
    """Say in the rows of listeners that they are there; make them anew if they are gone."""
    mine = Listener.objects.on_primary().filter(queue__in={ear.queue for ear in ears})
    longest = max(ear.listens_for for ear in ears)
    if mine.update(expires=Moment(longest)) < len(ears):
        mine.delete_now()
        create(ears)


def create(ears: Collection[Ear]) -> None:
    """Make the rows of listeners."""
    Listener.objects.on_primary().bulk_create(
        Listener(**ear._asdict(), expires=Moment(ear.listens_for)) for ear in ears
    )


def delete(queue: str) -> None:
    """Delete the row of a listener, and what it has not read."""
    Listener.objects.on_primary().filter(queue=queue).delete_now()
    Announcement.objects.on_primary().filter(queue=queue).delete_now()
