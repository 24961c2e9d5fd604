"""
What a worker need not ask of its broker, because no message that it gets matters.
"""

from typing import Any

from celery import Celery

from boogie.apps.tasks.declaration.base import BoogieTask

OPTION = "ack_emulation"


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
    if OPTION in options or not _are_all_ours(app):
        return
    with app.connection_for_read() as connection:
        if connection.transport.driver_type == "redis":
            app.conf.broker_transport_options = {**options, OPTION: False}


def _are_all_ours(app: Celery) -> bool:
    """Return whether all tasks but Celery's own are Boogie tasks."""
    tasks: dict[str, Any] = app.tasks
    return all(
        isinstance(task, BoogieTask)
        for name, task in tasks.items()
        if not name.startswith("celery.")
    )
