"""
Names of queues on ``boogie://`` that no row can have: what is for all is heard there.

Mailboxes for remote control and answers to it, events, and what the project broadcasts.
"""

from typing import Any

from celery import Celery

from boogie.apps.tasks import current_app

#: How Celery's names of exchanges and queues end where commands are sent, and answers to them.
CONTROL = ".pidbox"


def event_exchange() -> str:
    """Return the name of the exchange to which events are sent."""
    return str(current_app.setting(current_app.celery_app(), "event_exchange"))


def why(queue: str) -> str:
    """Return why workers find no row in a queue of this name; '' if they do."""
    app = current_app.celery_app()
    if not current_app.is_boogie(app):
        return ""
    if queue.endswith(CONTROL):
        return f"names that end in {CONTROL!r} are those of mailboxes for remote control"
    if queue == event_exchange():
        return "events have that name (Celery's setting event_exchange)"
    if queue in _broadcast(app):
        return "it is bound to a fanout exchange in task_queues, and a row is for one worker"
    return ""


def _broadcast(app: Celery) -> set[str]:
    """Return the names of queues whose messages go to all workers."""
    queues: Any = app.amqp.queues.values()
    fanout = [one for one in queues if one.exchange and one.exchange.type == "fanout"]
    return {name for one in fanout for name in (one.name, one.alias) if name}
