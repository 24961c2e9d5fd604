"""
Many new rows of a task that has limits: each with its values, and in the lines of their keys.
"""

from collections import defaultdict
from typing import Any

from django.db import connections, models

from boogie.apps.tasks import limits
from boogie.apps.tasks.db.compiled import Part
from boogie.apps.tasks.db.insert import insert_many
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task, columns
from boogie.apps.tasks.protocols import Declaration

from . import limiting


class Values:
    """What tells of each object under which limits its row is."""

    def __init__(self, task: Declaration, args: Any, kwargs: Any) -> None:
        self._task, self._args, self._kwargs = task, args, kwargs
        #: Whether it has to see the objects themselves.
        self.reads_objects = limiting.needs_objects(task)

    @classmethod
    def of_call(cls, task: Declaration, args: Any, kwargs: Any) -> "Values | None":
        """Return it for one call of ``each()``; ``None``: the task has no limits."""
        return cls(task, args, kwargs) if limits.of_task(task.name) else None

    def of(
        self, model: type[models.Model], obj: Any, key: str, database: str
    ) -> limiting.Values | None:
        """Return the values for an object, of which no more than its key may be known."""
        if obj is None:
            return limiting.values_of_key(self._task, model, key, database)
        return limiting.values_of(self._task, obj, self._args, self._kwargs)


#: Where in the values of a row its limits stand: behind what it is about.
PLACE = 4


def insert(
    row: Task, names: tuple[str, ...], varying: list[tuple[Any, ...]], otherwise: Part
) -> None:
    """
    Insert copies of ``row`` that differ in the fields ``names``, and in the limits amid these.

    Of those that may start now, the first in each line are tried; the others are held back.
    """
    connection = connections[row._state.db or ""]
    free = [(*one[:PLACE], *one[PLACE + 1 :]) for one in varying if one[PLACE] is None]
    if free:
        insert_many(connection, row, names, free, otherwise)
    limited = [one for one in varying if one[PLACE] is not None]
    if not limited:
        return
    limiting.stand(connection.alias, ((one[0], one[PLACE]) for one in limited))
    held = [(*one, limiting.first_of(one[PLACE])[1]) for one in limited]
    names = (*names[:PLACE], "limits", *names[PLACE:], "held_by")
    if row.status != states.QUEUED or row.not_before is not None:
        insert_many(connection, row, names, held, otherwise)
        return
    pattern = columns.of(Task).new(**{**_fields(row), "due": None})
    first = _first_of_each(connection.alias, held)
    insert_many(connection, pattern, names, held, otherwise)
    if first:
        limiting.wake_first(connection.alias, first)


def _fields(row: Task) -> dict[str, Any]:
    return {field.attname: vars(row)[field.attname] for field in Task._meta.concrete_fields}


def _first_of_each(using: str, held: list[tuple[Any, ...]]) -> list[Any]:
    """Return the ids of rows that may be tried at once: as many as their limits have room for."""
    by_key: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for one in held:
        by_key[one[-1]].append(one)
    found: list[Any] = []
    for key, mine in by_key.items():
        identity, _key = limiting.first_of(mine[0][PLACE])
        room = limiting.room_in(using, identity, key)
        found += [one[0] for one in mine[: max(0, room)]]
    return found
