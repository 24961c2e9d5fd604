"""
What a consumer reserves, as messages of kombu's virtual transports: rows, and plain messages.
"""

import base64
import json
import uuid
from typing import Any, NamedTuple

from kombu.serialization import dumps

from boogie.apps.tasks import current_app, identity, registry
from boogie.apps.tasks.broker import guard
from boogie.apps.tasks.broker.message import Shown, serializer
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db import compiled, ids, sql
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.reserve import Reservation
from boogie.apps.tasks.db.turns import Turns
from boogie.apps.tasks.enqueue import showing
from boogie.apps.tasks.functions import finding
from boogie.apps.tasks.lifecycle import holding
from boogie.apps.tasks.models import Message, Task
from boogie.apps.tasks.models.stored import primary

#: What a doorbell says: no arguments, no callbacks.
DOORBELL = [[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]


class Letter(NamedTuple):
    """What every doorbell says, in a format that workers accept."""

    body: str
    content_type: str
    content_encoding: str
    #: How ``body`` is bytes, if it is.
    body_encoding: str | None = None


IN_JSON = Letter(json.dumps(DOORBELL), "application/json", "utf-8")


def letter() -> Letter:
    """Return what doorbells say, as this project's workers read it."""
    name = serializer(current_app.celery_app())
    if name == "json":
        return IN_JSON
    content_type, encoding, body = dumps(DOORBELL, serializer=name)
    if isinstance(body, str):
        return Letter(body, content_type, encoding)
    return Letter(base64.b64encode(body).decode(), content_type, encoding, "base64")


def doorbell_message(row: Any, tag: str, said: Letter, shown: Shown) -> dict[str, Any]:
    """Return the message, as kombu's virtual transports have them, that rings for ``row``."""
    task_id = str(row.pk)
    return {
        "body": said.body,
        "content-type": said.content_type,
        "content-encoding": said.content_encoding,
        "headers": {
            "lang": "py",
            "task": registry.celery_name(row),
            "id": task_id,
            "root_id": task_id,
            "parent_id": None,
            "group": None,
            "argsrepr": shown[0],
            "kwargsrepr": shown[1],
            "retries": 0,
            "eta": None,
            "expires": None,
            "timelimit": _time_limits(row),
            "ignore_result": True,
        },
        "properties": {
            "correlation_id": task_id,
            "reply_to": None,
            "delivery_tag": tag,
            "delivery_info": {"exchange": "", "routing_key": row.queue},
            "priority": row.priority,
            "body_encoding": said.body_encoding,
        },
    }


def _time_limits(row: Any) -> list[Any]:
    """Return the hard and the soft limit that a row brings along; others have those of tasks."""
    limits = finding.time_limits(row)
    return [limits.get("time_limit"), limits.get("soft_time_limit")]


def is_doorbell(message: dict[str, Any]) -> bool:
    """
    Return whether a message that is published is a doorbell, for which there is nothing to do.

    Raise ``TypeError`` for one that names a Boogie task and no row: from a process that did not
    know it when it made the message, such as ``celery call``.
    """
    name = message["headers"].get("task", "")
    if registry.get(name) is None:
        return False
    key = ids.key_of(message["headers"].get("id"))
    if key is None or not Task.objects.on_primary().filter(pk=key).exists():
        guard.refuse({"name": name})
    return True


class Reserved(NamedTuple):
    """One reserved row or message: its primary key, and what is delivered under which tag."""

    tag: str
    key: Any
    message: dict[str, Any]


def ready_in_each(queues: list[str], since: float = 0.0) -> list[compiled.Part]:
    """
    Return of each queue the question whether rows are due in it, and it is not held.

    Here and below ``since`` is for how many seconds they have to have been due.
    """
    using = primary(Task)

    def build(connection: Any) -> list[compiled.Part]:
        due = Task.objects.using(using).in_turn(since)
        return [
            sql.first_exists_if(holding.is_free_queue(queue), due.filter(queue=queue))
            for queue in queues
        ]

    found: list[compiled.Part] = compiled.cached(using, ("ready", since, *queues), build)
    return found


def turns(queues: list[str], limit: int, since: float = 0.0) -> list[Any]:
    """Return ``Task`` and ``Message`` in the order in which the first of them have their turn."""
    kinds = (Task, "due"), (Message, "created")
    return Turns(kinds, tuple(queues), limit, since).find(primary(Task))


def reserve_rows(queues: list[str], limit: int, since: float = 0.0) -> list[Reserved]:
    """Reserve due rows of ``queues`` by a lease; the claim decides who runs one."""
    due = Reservation(
        model=Task,
        queues=tuple(queues),
        limit=limit,
        fields=("name", "backend", "queue", "priority", "content_type", "object_id"),
        changes=(("due", Moment(conf.RING_AGAIN)),),
        since=since,
        may_be_lost=True,
    )
    using = primary(Task)
    tagged = [(uuid.uuid4().hex, row) for row in due.take(using)]
    said = letter()
    return [
        Reserved(tag, row.pk, doorbell_message(row, tag, said, showing.of_reserved(row, using)))
        for tag, row in tagged
    ]


def reserve_messages(queues: list[str], limit: int, since: float = 0.0) -> list[Reserved]:
    """Reserve free messages of plain tasks in ``queues`` for this worker."""
    free = Reservation(
        model=Message,
        queues=tuple(queues),
        limit=limit,
        fields=("queue", "priority", "payload", "redelivered"),
        changes=(("worker", identity.worker_id()),),
        since=since,
    )
    tagged = [(uuid.uuid4().hex, stored) for stored in free.take(primary(Message))]
    return [Reserved(tag, stored.pk, _plain_message(stored, tag)) for tag, stored in tagged]


def _plain_message(stored: Any, tag: str) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(stored.payload)
    message["properties"]["delivery_tag"] = tag
    message["properties"]["delivery_info"].update(
        routing_key=stored.queue, redelivered=bool(stored.redelivered)
    )
    return message
