"""
What others put into the headers of Celery's messages, for rows of which no message tells.

On ``boogie://`` none is published, and the keeper publishes in another process, and later.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from celery import signals
from celery.app.task import Context

from boogie.apps.tasks.broker.message import PLACE
from boogie.apps.tasks.serialization import carried

#: Of a request, what no header may take the place of.
OURS = frozenset([*vars(Context), "boogie_run"])

#: What the body of a message has besides arguments.
CALLBACKS = dict.fromkeys(("callbacks", "errbacks", "chain", "chord"))


class Headers:
    """
    Headers by receivers of ``before_task_publish``, such as the ids of requests.

    They are asked as Celery asks them, when the row is made, and ``after_task_publish`` is sent as
    well. Receivers of ``task_prerun`` find what they put there on the request of the task.
    """

    def capture(self) -> dict[str, Any] | None:
        """Return what receivers have added; ``None``: there are none, or nothing."""
        subject = carried.subject()
        if subject is None or not signals.before_task_publish.receivers:
            return None
        headers = _asked(subject)
        return headers or None

    @contextmanager
    def restore(self, data: dict[str, Any]) -> Iterator[None]:
        """Put them on the request of the attempt, where there is one."""
        subject = carried.subject()
        request = None if subject is None else subject.request
        if request is not None:
            own = {key: value for key, value in data.items() if key not in OURS}
            request.update(own)
            nested = data.get("headers") or {}
            request.headers = {**(request.headers or {}), **nested, **own}
        yield


def _asked(subject: carried.Subject) -> dict[str, Any]:
    """Send Celery's two signals of a message, and return what was put into its headers."""
    task: Any = subject.task
    task_id = str(subject.row.pk)
    usual, places = _usual(task.app, task.name)
    headers = {**usual, **dict.fromkeys(places, task_id)}
    said = {
        "body": ((), {}, dict(CALLBACKS)),
        "exchange": "",
        "routing_key": subject.queue,
        "headers": headers,
    }
    properties = {"correlation_id": task_id, "reply_to": "", "priority": subject.row.priority}
    more = {"declare": [], "properties": properties, "retry_policy": {}}
    signals.before_task_publish.send(sender=task.name, **said, **more)
    signals.after_task_publish.send(sender=task.name, **said)
    return {key: value for key, value in headers.items() if key not in usual}


@lru_cache(maxsize=1000)
def _usual(app: Any, name: str) -> tuple[dict[str, Any], list[str]]:
    """Return the headers of a doorbell as Celery makes them (slowly), and where ids are."""
    headers = app.amqp.as_task_v2(PLACE, name, args=(), kwargs={}).headers
    return headers, [key for key, value in headers.items() if value == PLACE]
