"""
Exchanges whose messages are for all who listen, in whichever process, as a kombu channel has them.
"""

from typing import Any

from amqp.protocol import queue_declare_ok_t
from kombu.transport import memory

from boogie.apps.tasks import identity
from boogie.apps.tasks.broker.reserved import CONTROL, event_exchange

from .ears import Ear
from .hearing import hearing
from .saying import audience, say

#: Queues that were declared for one process alone, and their arguments.
_fleeting: dict[str, dict[str, Any]] = {}


class Channel(memory.Channel):
    """A channel that says, and hears, what is for all."""

    def _is_for_all(self, exchange: str) -> bool:
        """Return whether what is sent to an exchange is for all processes that listen to it."""
        if exchange.endswith(CONTROL) or exchange == event_exchange():
            return True
        exchanges: Any = self.state.exchanges
        return bool(exchange in exchanges and exchanges[exchange]["type"] == "fanout")

    # --- saying -----------------------------------------------------------------------

    def basic_publish(
        self, message: dict[str, Any], exchange: str, routing_key: str, **options: Any
    ) -> Any:
        if not exchange or not self._is_for_all(exchange):
            return super().basic_publish(message, exchange, routing_key, **options)
        listeners = audience.of(exchange)
        if not listeners:
            return None
        kind: Any = self.typeof(exchange)
        table = [kind.prepare_bind(one.queue, exchange, one.routing_key, None) for one in listeners]
        chosen = kind.lookup(table, exchange, routing_key, None)
        if chosen:
            self._inplace_augment_message(message, exchange, routing_key)
            by_queue = {one.queue: one for one in listeners}
            say(message, exchange, [by_queue[queue] for queue in sorted(chosen)])
        return None

    # --- hearing ----------------------------------------------------------------------

    def prepare_queue_arguments(self, arguments: Any, **options: Any) -> dict[str, Any]:
        # Of what kombu would have a broker do, in seconds.
        return {**(arguments or {}), "message_ttl": options.get("message_ttl")}

    def queue_declare(self, queue: str | None = None, passive: bool = False, **options: Any) -> Any:
        fleeting = options.get("exclusive") or options.get("auto_delete")
        if queue and not passive and (fleeting or queue.endswith(CONTROL)):
            # One process's own; there is nothing to count.
            _fleeting[queue] = options.get("arguments") or {}
            return queue_declare_ok_t(queue, 0, 0)
        return super().queue_declare(queue, passive, **options)

    def queue_bind(
        self,
        queue: str,
        exchange: str | None = None,
        routing_key: str = "",
        arguments: Any = None,
        **options: Any,
    ) -> None:
        if exchange and self._hears(queue, exchange):
            hearing.bind(_ear(queue, exchange, routing_key or ""))
        else:
            super().queue_bind(queue, exchange, routing_key, arguments, **options)

    def _hears(self, queue: str, exchange: str) -> bool:
        """Return whether a queue listens; one that workers share is filled by who sends."""
        is_event = exchange == event_exchange()
        return is_event or (queue in _fleeting and self._is_for_all(exchange))

    def basic_consume(self, queue: str, *args: Any, **options: Any) -> Any:
        hearing.listen(queue)
        return super().basic_consume(queue, *args, **options)

    def basic_cancel(self, consumer_tag: str) -> None:
        queue = self._tag_to_queue.get(consumer_tag)
        super().basic_cancel(consumer_tag)
        if queue is not None and queue not in self._active_queues:
            hearing.end(queue)

    @property
    def ears(self) -> set[Ear]:
        """Those of this channel's consumers."""
        return hearing.ears(self._active_queues)

    def deliver_heard(self) -> int:
        """Hand over what this process has heard in the queues of this channel."""
        delivered = 0
        for queue in [queue for queue in self._active_queues if queue in hearing]:
            for _ in range(hearing.size(queue)):
                if self.connection is None:
                    return delivered
                self.connection._deliver(hearing.get(queue), queue)
                delivered += 1
        return delivered

    def hear_again(self, message: Any) -> None:
        """Have a message of a queue that still listens handed over once more."""
        queue = message.delivery_info.get("heard_in")
        if queue in hearing:
            hearing.put_back(queue, message.serializable())


def _ear(queue: str, exchange: str, routing_key: str) -> Ear:
    ear = Ear(queue, exchange, routing_key)
    if keeps := _fleeting.get(queue, {}).get("message_ttl"):
        ear = ear._replace(keeps=float(keeps))
    if ear.is_for_commands and identity.is_worker():
        ear = ear._replace(worker=identity.worker_id())
    return ear
