"""
``boogie://``: a kombu transport whose queue is the database.

An *asynchronous* transport, so that a stock Celery worker keeps its event loop
and its fast pool. It extends kombu's in-memory transport and overrides how a
worker gets work: due rows of its queues are reserved in batches, as many as the
prefetch count leaves room for. Publishing a doorbell is nothing; messages of plain
Celery tasks are rows of ``Message``, deleted when acknowledged; remote control and
events travel as rows of ``Announcement``.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, cast

from django.db import Error, connections
from kombu.transport import memory, virtual

import boogie
from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.connections import drop, leave_pools
from boogie.apps.tasks.models import Announcement, Task
from boogie.apps.tasks.models.stored import primary

from . import channel, hand, saying
from .appetite import Appetite
from .hearing import hearing
from .polling import FASTEST, Watch

logger = logging.getLogger(__name__)


class Transport(memory.Transport):
    """The connection of one Celery consumer, or producer, to the table."""

    Channel = channel.Channel
    global_state = virtual.BrokerState()
    driver_type = driver_name = "boogie"
    implements = virtual.Transport.implements.extend(
        asynchronous=True, exchange_type=frozenset(["direct", "topic", "fanout"]), heartbeats=False
    )
    connection_errors = (*virtual.Transport.connection_errors, *outages.MAY_BE_AWAY)
    # There is no host in ``boogie://`` for kombu to look for, and to warn that it found none.
    can_parse_url = True

    def __init__(self, client: Any, **options: Any) -> None:
        super().__init__(client, **options)
        self._watch = Watch()
        self._hub: Any = None
        self._timer: Any = None
        self._appetite = Appetite()

    @property
    def _open_channels(self) -> list[channel.Channel]:
        return cast("list[channel.Channel]", list(self.channels or ()))

    def driver_version(self) -> str:
        return boogie.__version__

    def as_uri(self, uri: str, include_password: bool = False, mask: str = "**") -> str:
        return "boogie://"

    # --- in the worker's event loop ---------------------------------------------------

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        if self._hub is not None:
            return
        self._hub = loop
        loop.on_tick.add(self._on_tick)
        self._timer = loop.call_later(0, self._beat)

    def close_connection(self, connection: Any) -> None:
        if self._hub is not None:
            self._hub.on_tick.discard(self._on_tick)
            if self._timer is not None:
                self._timer.cancel()
            self._watch.stop_listening(self._hub)
            self._hub = self._timer = None
        super().close_connection(connection)
        hearing.end_paused()

    def _beat(self) -> None:
        """Look for work if it is time to, and come back."""
        if self._hub is None:
            return
        try:
            self._deliver_heard()
            self._offer()
            self._hear(is_to_read=False)
            if self._watch.is_time():
                self._watch.listen(self._hub, self._notified, self._appetite.has_enough)
                self._look_and_deliver()
                # Of what has become due by itself nobody was told.
                if self._appetite.hungry and self._watch.is_told:
                    self._tell_others()
        finally:  # the event loop logs what is raised, and nobody else would look again
            self._beat_later()
            leave_pools()

    def _beat_later(self) -> None:
        """Come back when there may be something to do, and not before or after."""
        if self._hub is not None:
            self._timer.cancel()
            self._timer = self._hub.call_later(self._pause(), self._beat)

    def _offer(self) -> None:
        """Give others what has waited too long, and tell them of it where they are told."""
        if late := [one for one in self._open_channels if one.hand.offer_late()]:
            self._watch.pass_on([Task._meta.db_table], _queues(late))

    def _pause(self) -> float:
        """Return the seconds until there may be something to do."""
        keeps = any(one.hand.keeps for one in self._open_channels)
        return min(self._watch.pulse, hand.KEPT) if keeps else self._watch.pulse

    def _on_tick(self) -> int:
        """Fetch what was left, or may have been, if there is room for it; return how much."""
        if not self._appetite.waits or not (kinds := self._appetite.wanted(self._open_channels)):
            return 0
        self._appetite.is_blind = False
        return self._fetch(kinds)

    def _fetch(self, kinds: channel.Kinds) -> int:
        """
        Take more of what there was, or was told of; return how much.

        The next look is not put off: rows become due. Who has taken all and is not told looks soon.
        """
        found = self._guarded(lambda one, age: one.deliver(kinds, age), is_look=False)
        if not self._appetite.hungry and not self._watch.is_told:
            self._beat_later()
        return found

    def _notified(self) -> None:
        told = self._watch.read_notifications(self._hub)
        if told.pop(Announcement._meta.db_table, None) is not None:
            hearing.call()
            self._hear()
        if not (kinds := frozenset(k for k in channel.KINDS if k._meta.db_table in told)):
            return
        if any(told.values()) and not self._watch.is_told:
            self._say_busy()
        self._fetch(kinds | self._appetite.hungry)
        if self._appetite.hungry and any(told.values()):
            self._tell_others()

    def _tell_others(self) -> None:
        """Say that this worker has enough to do, and tell others of what it cannot take alone."""
        self._watch.listen(self._hub, self._notified, busy=True)
        tables = [kind._meta.db_table for kind in self._appetite.hungry]
        self._watch.pass_on(tables, _queues(self._open_channels))

    def _say_busy(self) -> None:
        """Say again what a heartbeat has unsaid that was under way."""
        try:
            self._watch.say_busy()
        except Error as error:
            logger.info("boogie:// goes on being notified while it is busy: %s", error)

    def _look_and_deliver(self) -> int:
        self._appetite.is_blind = any(c.table_queues and not c.room for c in self._open_channels)
        return self._guarded(self._look) + self._hear()

    def _look(self, consumer: channel.Channel, age: float) -> tuple[int, channel.Kinds]:
        kinds = consumer.look(age)
        if hearing.is_spoken_to:  # a command goes before the task that was sent after it
            self._hear()
        return consumer.deliver(kinds, age)

    # --- what is said to all ----------------------------------------------------------

    @property
    def _ears(self) -> set[Any]:
        return {ear for one in self._open_channels for ear in one.ears}

    def _hear(self, is_to_read: bool = True) -> int:
        """Hand over what was said to this connection's consumers; return how much that was."""
        if not (ears := self._ears):
            return 0
        # A worker on greenlets has a second connection for its commands: the first one looks, too.
        has_work = any(one.table_queues for one in self._open_channels)
        is_patient = not has_work and all(ear.is_for_commands for ear in ears)
        try:
            hearing.attend(is_patient) if is_to_read else hearing.stay()
        except Error as error:
            logger.warning("boogie:// cannot ask the database, it tries again: %s", error)
            self._give_up()
        if heard := self._deliver_heard():  # who has said one thing may say another
            self._watch.found(heard)
        return heard

    def _deliver_heard(self) -> int:
        return sum(one.deliver_heard() for one in self._open_channels)

    def _guarded(
        self,
        give: Callable[[channel.Channel, float], tuple[int, channel.Kinds]],
        is_look: bool = True,
    ) -> int:
        """Give work to each consumer; return how much. The database may be away."""
        age = self._appetite.age(self._open_channels, is_told=self._watch.hears)
        delivered, hungry = 0, channel.NOTHING
        try:
            for consumer in self._open_channels:
                number, more = give(consumer, age)
                delivered += number
                hungry |= more
        except Error as error:
            # Of any class: a server that only reads for a moment, or lacks a column, is away, too.
            logger.warning("boogie:// cannot ask the database, it tries again: %s", error)
            self._give_up()
        except Exception:
            logger.exception("boogie:// failed, it tries again")
            self._give_up()
        else:
            self._watch.found(delivered, is_look)
        self._appetite.hungry = hungry
        return delivered

    def _give_up(self) -> None:
        """Try again in a while, by another connection."""
        drop(connections[primary(Task)])
        self._watch.away()

    # --- without an event loop (gevent, eventlet, clients) -----------------------------

    def drain_events(  # type: ignore[override]
        self, connection: Any, timeout: float | None = None
    ) -> None:
        deadline = None if timeout is None else time.monotonic() + timeout
        asks = any(ear.is_for_answers for ear in self._ears)
        while True:
            delivered = self._deliver_heard() + self._on_tick()
            self._offer()
            if asks or self._watch.is_time():
                delivered += self._look_and_deliver()
            if delivered:
                return
            is_late = deadline is not None and time.monotonic() >= deadline
            if is_late and not (asks and saying.may_be_answered(cast(float, deadline))):
                raise TimeoutError
            is_quick = asks or timeout is None or self._appetite.waits
            time.sleep(FASTEST if is_quick else min(self._pause(), cast(float, timeout)))


def _queues(channels: list[channel.Channel]) -> list[str]:
    return [queue for one in channels for queue in one.table_queues]
