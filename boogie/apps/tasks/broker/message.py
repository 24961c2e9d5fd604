"""
What a doorbell says: the task's name and the row's id, in Celery's message format.

Celery makes the message, once for each name, queue and priority; the doorbells
after that differ in the id, and in what is shown of the row. (Making one takes
longer than sending it.)
"""

from collections.abc import Hashable
from types import FunctionType, MethodType
from typing import Any
from weakref import WeakSet

from celery import Celery, signals
from celery.app import amqp as celery_amqp
from celery.app import base as celery_base
from kombu import Producer
from kombu.serialization import dumps, prepare_accept_content

from boogie.apps.tasks import current_app, registry

from . import quirks
from .guard import Guard

#: What is shown as arguments: Celery's ``argsrepr`` and ``kwargsrepr``.
Shown = tuple[str, str]

#: Stands for the id where Celery puts it.
PLACE = "00000000-0000-0000-0000-000000000000"

#: Where Celery's own code lies that makes and sends messages.
CELERYS = frozenset([celery_base.__file__, celery_amqp.__file__])

#: Whoever listens to these is told of every message, by Celery.
SIGNALS = (signals.before_task_publish, signals.after_task_publish)


class Template:
    """
    A message as Celery publishes it, in which the id is open.

    It takes the part of the producer when Celery sends, and keeps what it gets.
    """

    def __init__(self, app: Celery, connection: Any, name: str, options: dict[str, Any]) -> None:
        self.connection = connection
        #: The channels on which the queue was declared.
        self._declared: WeakSet[Any] = WeakSet()
        send(app, self, name, PLACE, options)
        self.connection = None

    def __enter__(self) -> "Template":
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def publish(
        self, body: Any, serializer: Any, headers: dict[str, Any], declare: Any, **options: Any
    ) -> None:
        """Keep a message; the part of the producer."""
        self.declare = declare
        content_type, content_encoding, self.body = dumps(body, serializer=serializer)
        self.options = {
            **options,
            "content_type": content_type,
            "content_encoding": content_encoding,
        }
        self.headers = headers
        self.header_places = [key for key, value in headers.items() if value == PLACE]
        self.places = [key for key, value in options.items() if value == PLACE]

    def ring(self, producer: Producer, task_id: str, shown: Shown | None) -> None:
        """Publish the message with ``task_id`` in it, and with what is shown as arguments."""
        headers = {**self.headers, **dict.fromkeys(self.header_places, task_id)}
        if shown is not None and "argsrepr" in headers:  # not in those of the old protocol
            headers["argsrepr"], headers["kwargsrepr"] = shown
        options = {**self.options, **dict.fromkeys(self.places, task_id)}
        channel: Any = producer.channel
        declare = () if channel in self._declared else self.declare
        producer.publish(self.body, headers=headers, declare=declare, **options)
        self._declared.add(channel)


class Doorbells:
    """The doorbells of one connection pool."""

    def __init__(self, app: Celery) -> None:
        self.app = app
        self.ordinary = quirks.ordinary_priority(app)
        self._templates: dict[Hashable, Template] = {}
        self._all_differ = bool(
            app.conf.task_send_sent_event or not current_app.has_fixed_routes(app.amqp.router)
        )

    def ring(
        self,
        producer: Producer,
        name: str,
        task_id: str,
        priority: int,
        queue: str | None,
        shown: Shown | None = None,
        **limits: float,
    ) -> None:
        """
        Publish a doorbell; ``queue``: by its name, or where Celery's routes send ``name``.

        ``limits``: of time, for this message alone.
        """
        options: dict[str, Any] = {"priority": priority, **({"queue": queue} if queue else {})}
        options.update(limits)
        if self._differ():
            if shown is not None:
                options["argsrepr"], options["kwargsrepr"] = shown
            send(self.app, producer, name, task_id, options)
            return
        key = (name, registry.get(name), queue, priority, *limits.items())
        template = self._templates.get(key)
        if template is None:
            template = self._templates[key] = Template(self.app, producer.connection, name, options)
        template.ring(producer, task_id, shown)

    def _differ(self) -> bool:
        """
        Return whether messages may differ in more than the id.

        Inside of a task they name it as their parent; a router of the project's may
        choose by whatever it likes; receivers of signals are told of each, and may
        change it, as may who has overridden or patched what Celery sends by.
        """
        listened = any(signal.receivers for signal in SIGNALS)
        return bool(
            self._all_differ
            or listened
            or self.app.current_worker_task
            or not _sends_as_celery(self.app)
        )


def _sends_as_celery(app: Any) -> bool:
    """Return whether ``send_task`` and what it calls are Celery's own code."""
    send = app.send_task
    return _is_celerys(send.inner if isinstance(send, Guard) else send) and all(
        _is_celerys(getattr(app.amqp, name))
        for name in ("create_task_message", "send_task_message")
    )


def _is_celerys(function: Any) -> bool:
    if type(function) is MethodType:
        function = function.__func__
    # Not isinstance(): a wrapper may claim to be what it wraps (wrapt's do).
    return type(function) is FunctionType and function.__code__.co_filename in CELERYS


def serializer(app: Celery) -> str:
    """Return the format of doorbells: JSON if workers accept that, else that of plain tasks."""
    accepted = prepare_accept_content(app.conf.accept_content)
    is_json = accepted is None or "application/json" in accepted
    return "json" if is_json else str(app.conf.task_serializer)


def send(app: Celery, producer: Any, name: str, task_id: str, options: dict[str, Any]) -> None:
    """Have Celery make the message and publish it."""
    app.send_task(
        name,
        args=[],
        kwargs={},
        task_id=task_id,
        producer=producer,
        retry=False,
        ignore_result=True,
        add_to_parent=False,
        expires=None,  # a row expires; Celery has the message do so from 5.7 on
        serializer=serializer(app),
        **options,
    )
