"""
What differs from broker to broker, and is not to be seen anywhere else.
"""

from functools import lru_cache
from typing import Any

from celery import Celery

from boogie.apps.tasks import registry

#: Redis: whether kombu keeps a copy of each message that was taken, until it is acknowledged.
ACK_EMULATION = "ack_emulation"


def spare_redis(app: Celery) -> None:
    """
    Keep no copies in Redis of the messages that this worker has taken.

    For each message kombu stores a copy in Redis and deletes it again at the
    acknowledgement: five commands of the eight that a message takes. It is for
    those whose only record is the message. Rows are rung again, long before kombu
    would restore such a copy (its ``visibility_timeout``, an hour).

    Only where every task of ``app`` is a Boogie task, and where its
    ``broker_transport_options`` do not say what they want themselves.
    """
    options = app.conf.broker_transport_options
    if ACK_EMULATION in options or not _are_all_ours(app):
        return
    with app.connection_for_read() as connection:
        if connection.transport.driver_type == "redis":
            app.conf.broker_transport_options = {**options, ACK_EMULATION: False}


def _are_all_ours(app: Celery) -> bool:
    """Return whether all tasks but Celery's own are Boogie tasks."""
    tasks: dict[str, Any] = app.tasks
    return all(
        registry.is_ours(task) for name, task in tasks.items() if not name.startswith("celery.")
    )


def short_timeouts(seconds: float) -> dict[str, Any]:
    """Return the transport options by which each broker's client gives up soon."""
    return {
        # Redis
        "socket_timeout": seconds,
        "socket_connect_timeout": seconds,
        "retry_on_timeout": False,
        # RabbitMQ
        "read_timeout": seconds,
        "write_timeout": seconds,
    }


def can_batch(channel: Any) -> bool:
    """Return whether a channel sends many messages together: Redis alone has pipelines."""
    return hasattr(channel, "create_publish_batch")


def is_rabbitmq(scheme: str) -> bool:
    """Return whether URLs with ``scheme`` lead to RabbitMQ, as one without any does."""
    return scheme in ("", "amqp", "amqps", "pyamqp", "confirm")


def keep_client(channel: Any) -> None:
    """Keep the client of a Redis channel: kombu makes one for each command, and that is slow."""
    make = getattr(channel, "Client", None)
    if make is not None and not hasattr(make, "cache_info"):
        channel.Client = lru_cache(maxsize=1)(make)


def broker_priority(priority: int, driver_type: str) -> int:
    """Return what the broker calls our priority: Redis counts the other way, 0 first."""
    return 9 - priority if driver_type == "redis" else priority
