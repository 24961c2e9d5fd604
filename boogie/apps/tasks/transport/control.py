"""
Remote control and events on ``boogie://``: they stay in one process, and whoever asks is told so.
"""

from collections.abc import Collection

#: Of Celery's names of queues: answers and commands of remote control, and events.
CONTROL, EVENTS = ".pidbox", "celeryev"


def is_local(queue: str) -> bool:
    """Return whether a queue is for remote control or events, which stay in this process."""
    return queue.endswith(CONTROL) or queue.startswith(EVENTS)


def heard_in(exchange: str, queues: Collection[str]) -> Collection[str]:
    """Return the queues for what is sent to all; ``NotImplementedError``: no worker is here."""
    if exchange.endswith(CONTROL) and not queues:
        raise NotImplementedError(
            "boogie:// carries no remote control from process to process (inspect, control, "
            "status, revoke). Use manage.py boogie_status to see workers, row.cancel() in place "
            "of revoke, and signals of the system to stop a worker."
        )
    return queues


def refuse_events(queue: str) -> None:
    """Raise ``NotImplementedError`` for who wants to hear of events, which nobody can send here."""
    if queue.startswith(EVENTS):
        raise NotImplementedError(
            "boogie:// carries no events from process to process. Use manage.py boogie_status to "
            "see workers and rows, or the signals of boogie.apps.tasks."
        )
