"""
Which rows may start as far as holds go: conditions, asked by the statements that start rows.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.apps import apps
from django.db import connections
from django.db.models import Case, F, QuerySet, Value, When

from boogie.apps.tasks.db import features
from boogie.apps.tasks.db.fields import ExactCharField
from boogie.apps.tasks.db.reading.absence import NoRow, Prefixed

#: What the keys of holds begin with; ``held_by`` of rows that they hold back is the key.
QUEUE, TASK = "queue:", "task:"

S = TypeVar("S", bound=QuerySet[Any])

#: Keys of holds of a task, or what stands for them in a statement that is compiled.
Keys = Sequence[Any]


def of_queue(name: str) -> str:
    """Return the key of a hold of the queue ``name``."""
    return f"{QUEUE}{name}"


def of_task(name: str) -> str:
    """Return the key of a hold of the task ``name``."""
    return f"{TASK}{name}"


def key_field() -> Any:
    """Return the field that has the keys of holds."""
    return _holds()._meta.pk


def free(rows: S, keys: Keys) -> S:
    """
    Return those of ``rows`` that nothing holds back, for the statement that starts one of them.

    ``keys``: of holds of their task, under all of its names; none: the rows tell what it is called.
    """
    of_task = keys or [Prefixed(TASK, F("name"))]
    return rows.filter(NoRow(_holds(), Prefixed(QUEUE, F("queue")), *of_task, without="released"))


def in_queues(rows: S, queues: Sequence[str]) -> S:
    """
    Return those of ``rows`` that are in ``queues``, and none of a queue that is held.

    Of one queue that is asked once, before a row is looked at; of several it is asked for each row.
    """
    if len(queues) != 1:
        key: Any = Prefixed(QUEUE, F("queue"))
        return rows.filter(NoRow(_holds(), key, without="released"), queue__in=queues)
    (queue,) = queues
    is_free = is_free_queue(queue)
    if features.looks_before_it_asks(connections[rows.db]):
        return rows.filter(queue=Case(When(is_free, then=Value(queue)), output_field=_text()))
    return rows.filter(is_free, queue=queue)


def is_free_queue(queue: str) -> NoRow:
    """Return the condition that a queue is not held."""
    return NoRow(_holds(), Value(of_queue(queue)), without="released")


def _text() -> ExactCharField:
    return ExactCharField(max_length=255)


def _holds() -> Any:
    return apps.get_model("boogie_tasks", "Hold")
