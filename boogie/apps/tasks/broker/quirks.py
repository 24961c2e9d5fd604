"""
What differs from broker to broker, and is not to be seen anywhere else.
"""

from functools import lru_cache
from typing import Any

from celery import Celery

from boogie.apps.tasks import current_app, registry

#: Redis: whether kombu keeps a copy of each message that was taken, until it is acknowledged.
ACK_EMULATION = "ack_emulation"

#: Redis: the priorities for which kombu has a list of its own, and which it has if none are named.
PRIORITY_STEPS = "priority_steps"
USUAL_STEPS = (0, 3, 6, 9)
HIGHEST = 9


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
    if ACK_EMULATION not in app.conf.broker_transport_options and _are_all_ours(app):
        _tell_redis(app, {ACK_EMULATION: False})


def hear_redis(app: Celery) -> None:
    """Have a worker listen to all the lists in which :func:`broker_priority` puts messages."""
    _tell_redis(app, priority_steps(app))


def _tell_redis(app: Celery, options: dict[str, Any]) -> None:
    """Add transport options, if the broker is Redis."""
    with app.connection_for_read() as connection:
        if connection.transport.driver_type == "redis":
            options = {**app.conf.broker_transport_options, **options}
            current_app.change(app, "broker_transport_options", options)


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


def adopt_channel(channel: Any) -> None:
    """
    Make a channel of Redis fit for ringing.

    It keeps its client (kombu makes one for each command, and that is slow), and lets
    priorities pass that are not from 0 to 9.
    """
    make = getattr(channel, "Client", None)
    if make is not None and not hasattr(make, "cache_info"):
        channel.Client = lru_cache(maxsize=1)(make)
        channel.min_priority, channel.max_priority = -HIGHEST, 2 * HIGHEST


# --- priorities -----------------------------------------------------------------------


def ordinary_priority(app: Celery) -> int:
    """Return the priority of plain messages, and of rows, that ask for none."""
    return int(app.conf.task_default_priority or 0)


def broker_priority(priority: int, driver_type: str, ordinary: int = 0) -> int:
    """
    Return what the broker calls our priority, which is higher for what is to run sooner.

    Redis counts the other way, from 0, which plain messages have as well: what is to run
    before them is beyond that. Rows of the ``ordinary`` priority are among them.
    Brokers know of 0 to 9 alone.
    """
    priority = min(max(priority, 0), HIGHEST)
    return 2 * ordinary - priority if driver_type == "redis" else priority


def priority_steps(app: Celery) -> dict[str, list[int]]:
    """Return the transport option by which Redis has lists for all that we call priorities."""
    given = app.conf.broker_transport_options.get(PRIORITY_STEPS, USUAL_STEPS)
    steps = sorted(step for step in given if 0 <= step <= HIGHEST)
    before = [-step for step in reversed(steps) if step]
    after = [HIGHEST + step for step in steps if step] if ordinary_priority(app) else []
    return {PRIORITY_STEPS: [*before, *steps, *after]}
