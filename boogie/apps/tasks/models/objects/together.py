"""
Objects of many rows, and instances among their arguments, read together.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist, ValidationError
from django.db import connections, models
from django.db.models.query import ModelIterable

from boogie.apps.tasks.db.reading.instances import Address, Gone, There, address, with_keys
from boogie.apps.tasks.serialization import references
from boogie.apps.tasks.serialization.instances import found_in, may_be_in

from .about import REFERENCE

#: The columns that may refer to instances.
ARGUMENTS = frozenset({"args", "kwargs"})

#: A key from before a model had others, a database that is no more: who asks for it learns so.
UNREADABLE = (ValidationError, ValueError, TypeError)

#: An object that is to be read: its model, its database, and its key.
Place = tuple[type[models.Model], str, Hashable]


def read(places: Iterable[Place]) -> dict[Place, models.Model]:
    """
    Return the objects that are there, hidden ones included.

    One query for each model and database; several where a database takes no more keys in one.
    """
    keys: dict[tuple[type[models.Model], str], set[Hashable]] = defaultdict(set)
    for model, using, key in places:
        keys[model, using].add(key)
    return {
        (model, using, obj.pk): obj
        for (model, using), some in keys.items()
        for obj in with_keys(model, using, list(some))
    }


def attach(rows: list[Any]) -> None:
    """
    Give rows their objects, and the instances that their arguments refer to.

    One query for each model and database, whichever it is for. What is gone is known to be.
    """
    if not rows:
        return
    deferred = rows[0].get_deferred_fields()  # to ask each row for these would be a query each
    objects = {} if REFERENCE & deferred else _objects(rows)
    referring = [] if ARGUMENTS & deferred else [row for row in rows if _may_refer(row)]
    instances = dict(_instances(referring))
    found = read([*objects.values(), *instances.values()])
    for number, place in objects.items():
        rows[number].keep_object(found.get(place))
    there: There = {
        address: found[place] if place in found else Gone("that has been deleted")
        for address, place in instances.items()
    }
    for row in referring:
        row.keep_instances(there)


def _objects(rows: list[Any]) -> dict[int, Place]:
    """Return where the objects of rows are, by the numbers of the rows."""
    places: dict[int, Place] = {}
    for number, row in enumerate(rows):
        try:
            model, key = row.object_place()
            places[number] = _place(model, key, row.object_db)
        except ObjectDoesNotExist:
            row.keep_object(None)
        except UNREADABLE:
            continue
    return places


def _may_refer(row: Any) -> bool:
    return may_be_in(row.args) or may_be_in(row.kwargs)


def _instances(rows: list[Any]) -> Iterator[tuple[Address, Place]]:
    """Yield where the instances are to which the arguments of rows refer."""
    for row in rows:
        try:
            found = [*found_in(list(row.args)), *found_in(row.kwargs)]
        except ImproperlyConfigured:  # they are encrypted, and the key is gone
            continue
        for one in found:
            with suppress(LookupError, *UNREADABLE):
                model, key = one.reference.model, one.reference.key
                place = _place(model, references.key_value(model, key), one.reference.database)
                yield address(one.reference), place


def _place(model: type[models.Model], key: Any, using: str) -> Place:
    if using not in connections:
        raise ValueError(f"DATABASES has no {using!r}")
    return model, using, tuple(key) if isinstance(key, list) else key


class WithObjects(ModelIterable):  # type: ignore[type-arg]
    """Rows as a queryset reads them, with their objects: of as many rows as are read at once."""

    def __iter__(self) -> Iterator[Any]:
        rows = super().__iter__()
        size = self.chunk_size if self.chunked_fetch else None
        while chunk := list(islice(rows, size)):
            attach(chunk)
            yield from chunk
