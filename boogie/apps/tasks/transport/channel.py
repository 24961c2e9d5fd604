"""
The queues of ``boogie://``, as a kombu channel.

Rows and messages are reserved in batches, as many as the prefetch count leaves
room for; what was reserved and not begun is given back.
"""

import contextlib
import json
from collections.abc import Iterator
from itertools import compress
from queue import Empty
from typing import Any

from kombu.transport import virtual

from boogie.apps.tasks import identity
from boogie.apps.tasks.broker import requests
from boogie.apps.tasks.db import sql
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Message, Task
from boogie.apps.tasks.serialization.carried import untraced

from . import announcing, delivery, settling
from .hand import Hand
from .hearing import hearing

#: What a consumer may be given: rows, and messages of plain tasks.
Kinds = frozenset[type[Task] | type[Message]]
KINDS: Kinds = frozenset([Task, Message])
NOTHING: Kinds = frozenset()

#: Reserved at once when the prefetch count sets no limit.
UNLIMITED = 100


class Channel(announcing.Channel):
    """One consumer's view: what it may still reserve, and what it has not acknowledged."""

    queues: dict[str, Any] = {}
    do_restore = True

    def __init__(self, connection: Any, **options: Any) -> None:
        super().__init__(connection, **options)
        self.hand = Hand()

    # --- publishing -------------------------------------------------------------------

    def _put(self, queue: str, message: dict[str, Any], **options: Any) -> None:
        if not delivery.is_doorbell(message):
            priority = self._get_message_priority(message)
            _messages().create(
                queue=queue, priority=priority, payload=json.dumps(message), created=Moment()
            )

    # --- consuming --------------------------------------------------------------------

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """Return one message, for ``basic_get``."""
        if queue in hearing:
            return hearing.get(queue)
        for message in self._take_messages([queue], 1):
            return message
        raise Empty

    @property
    def room(self) -> int:
        """
        How many more messages this consumer may have unacknowledged.

        None while rows wait for a process that were given back: it would only take those again.
        Nor while all greenlets are busy: the next one blocks who consumes, and keeps what it took.
        """
        if not self._consumers or self._is_blocked or self.hand.waits:
            return 0
        room = self.qos.can_consume_max_estimate()
        return UNLIMITED if room is None else int(room)

    @property
    def _is_blocked(self) -> bool:
        is_full = identity.has_greenlets() and requests.is_full()
        return is_full and requests.serves_any(self.table_queues)

    @property
    def has_place(self) -> bool:
        """Whether it may have one more of what lies in the table."""
        return bool(self.table_queues) and self.room > 0

    @property
    def is_half_empty(self) -> bool:
        """Whether half of what it may have is free."""
        limit = self.qos.prefetch_count or 0
        return bool(self.table_queues) and self.room >= max(1, limit // 2)

    @property
    def table_queues(self) -> list[str]:
        """The queues that lie in the table, not in this process."""
        # Two consumers may have the same one.
        return [queue for queue in dict.fromkeys(self._active_queues) if queue not in hearing]

    @untraced
    def look(self, since: float = 0.0) -> Kinds:
        """Return of which kind something has waited for so long in the queues of this consumer."""
        settling.catch_up()
        queues = self.table_queues
        if not queues or not self.room:
            return NOTHING
        rows = delivery.ready_in_each(queues, since)
        found = sql.which_exist(_messages().ready_in(queues, since), *rows, *hearing.questions())
        hearing.note(found[1 + len(rows) :])
        return frozenset(compress((Message, Task), (found[0], any(found[1 : 1 + len(rows)]))))

    def deliver(self, kinds: Kinds, since: float = 0.0) -> tuple[int, Kinds]:
        """
        Reserve as much of ``kinds`` as there is room for and hand it over.

        Only what has waited for ``since`` seconds. Return how much that was, and of which kinds
        there may be more.
        """
        room, queues = self.room, self.table_queues
        if not queues or not kinds:
            return 0, NOTHING
        if not room:
            return 0, kinds
        turns = delivery.turns(queues, room, since) if len(kinds) > 1 else [*kinds] * room
        with self._all_or_given_back() as handed_over:
            batch = self._take(queues, turns, since)
            for message in batch if self.connection is not None else ():
                properties = message["properties"]
                self.connection._deliver(message, properties["delivery_info"]["routing_key"])
                handed_over.add(properties["delivery_tag"])
        if len(turns if len(kinds) > 1 else batch) < room:
            return len(batch), NOTHING
        # What comes while messages are taken must not wait until there are none.
        return len(batch), KINDS if Message in kinds else kinds

    @contextlib.contextmanager
    def _all_or_given_back(self) -> Iterator[set[str]]:
        """Give back what is reserved in the block and, by its tag, not handed over at its end."""
        before, handed_over = self.hand.tags(), set[str]()
        try:
            yield handed_over
        finally:
            for tag in self.hand.tags() - before - handed_over:
                self.hand.settle(tag, again=True)

    @untraced
    def _take(self, queues: list[str], turns: list[Any], since: float) -> list[dict[str, Any]]:
        """Reserve as much of each kind as has a turn; return it in that order."""
        take = {Task: self._take_rows, Message: self._take_messages}
        taken = {kind: iter(take[kind](queues, turns.count(kind), since)) for kind in set(turns)}
        found = (next(taken[kind], None) for kind in turns)
        return [message for message in found if message is not None]

    def _take_rows(self, queues: list[str], limit: int, since: float) -> list[dict[str, Any]]:
        return self.hand.take(Task, delivery.reserve_rows(queues, limit, since))

    def _take_messages(
        self, queues: list[str], limit: int, since: float = 0.0
    ) -> list[dict[str, Any]]:
        return self.hand.take(Message, delivery.reserve_messages(queues, limit, since))

    # --- acknowledging ----------------------------------------------------------------

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        self.hand.settle(delivery_tag, again=False)
        super().basic_ack(delivery_tag, multiple)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:
        if not self.hand.settle(delivery_tag, again=requeue) and requeue:
            self.hear_again(self.qos.get(delivery_tag))
        self.qos.ack(delivery_tag)

    def basic_cancel(self, consumer_tag: str) -> None:
        """
        Consume no more, and give back the rows that were reserved and not begun.

        A worker that shuts down cancels first and then waits for its bodies, which
        may take long. A row that it begins all the same is claimed only once.
        """
        super().basic_cancel(consumer_tag)
        self.hand.offer_all()

    def _restore(self, message: Any) -> None:
        """Give back what was reserved and not begun: at shutdown, or when a consumer restarts."""
        if not self.hand.settle(message.delivery_tag, again=True):
            self.hear_again(message)

    # --- queues -----------------------------------------------------------------------

    def _size(self, queue: str) -> int:
        if queue in hearing:
            return hearing.size(queue)
        rows = _rows().queued().filter(queue=queue)
        return int(rows.count() + _messages().free().filter(queue=queue).count())

    def _purge(self, queue: str) -> int:
        """Delete the waiting messages of plain tasks; rows are deleted by ``clean()`` alone."""
        if queue in hearing:
            return hearing.purge(queue)
        return int(_messages().free().filter(queue=queue).delete()[0])

    def _delete(self, queue: str, *args: Any, **options: Any) -> None:
        self._purge(queue)
        super()._delete(queue, *args, **options)

    def close(self) -> None:
        # Not kombu's: it would empty the queues of every channel in this process.
        virtual.Channel.close(self)
        settling.catch_up()


def _rows() -> Any:
    return Task.objects.on_primary()


def _messages() -> Any:
    return Message.objects.on_primary()
