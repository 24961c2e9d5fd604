"""
Instances that arguments refer to: read anew, all of one model and database in one query.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.core.exceptions import ObjectDoesNotExist
from django.db import connections, models

from boogie.apps.tasks.db import compiled
from boogie.apps.tasks.serialization import references
from boogie.apps.tasks.serialization.instances import Found, Reference, found_in, replaced

Instance = models.Model
#: A model, or proxy, by its label; a key as text; the alias of a database.
Address = tuple[str, str, str]


class Gone:
    """In place of an instance: there is none any more, for the reason that ``why`` gives."""

    def __init__(self, why: str) -> None:
        self.why = why


#: What there is of instances, by their addresses.
There = dict[Address, Instance | Gone]


class Arguments(NamedTuple):
    """Arguments with instances; ``gone``: the first that there is none of any more, and why."""

    args: list[Any]
    kwargs: dict[str, Any]
    gone: tuple[Found, Gone] | None


def arguments(args: Sequence[Any], kwargs: dict[str, Any], known: There | None = None) -> Arguments:
    """
    Return arguments with instances in place of references; ``None`` stands for what is gone.

    What is ``known`` was read before.
    """
    found = [*found_in(list(args)), *found_in(kwargs)]
    known = known or {}
    there = read(one.reference for one in found if address(one.reference) not in known)

    def at(reference: Reference) -> Instance | Gone:
        place = address(reference)
        return known[place] if place in known else there[place]

    def instance(reference: Reference) -> Any:
        obj = at(reference)
        return None if isinstance(obj, Gone) else obj

    gone = ((one, at(one.reference)) for one in found)
    first = next(((one, why) for one, why in gone if isinstance(why, Gone)), None)
    return Arguments(replaced(list(args), instance), replaced(dict(kwargs), instance), first)


def address(reference: Reference) -> Address:
    """Return what tells one reference from another."""
    return reference.label, reference.key, reference.database


def read(found: Iterable[Reference]) -> dict[Address, Instance | Gone]:
    """
    Return what is there of the instances that are referred to, by their addresses.

    They are read by the base manager, from the database that each came from. Whatever else keeps
    one from being read is raised, with a note that names it.
    """
    groups: dict[tuple[str, str], dict[str, Reference]] = defaultdict(dict)
    for reference in found:
        groups[reference.label, reference.database][reference.key] = reference
    there: dict[Address, Instance | Gone] = {}
    for group in groups.values():
        one = next(iter(group.values()))
        try:
            there.update(_read(one, list(group)))
        except Exception as error:
            error.add_note(
                f"while an argument of the model {one.label} was read from {one.database!r}"
            )
            raise
    return there


def _read(one: Reference, keys: Sequence[str]) -> Iterator[tuple[Address, Instance | Gone]]:
    label, database = one.label, one.database
    try:
        model = one.model
    except LookupError:
        for key in keys:
            yield (label, key, database), Gone(f"the model {label} is not installed")
        return
    found = _of_model(model, keys, database) if len(keys) > 1 else {}
    for key in keys:
        # A database may take two keys for the same that are spelt differently.
        obj = found[key] if key in found else _single(model, key, database)
        yield (label, key, database), obj


def _of_model(model: type[Instance], keys: Sequence[str], database: str) -> dict[str, Instance]:
    found = with_keys(model, database, [references.key_value(model, key) for key in keys])
    return {references.object_key(obj): obj for obj in found}


def with_keys(model: type[Instance], database: str, values: Sequence[Any]) -> Iterator[Instance]:
    """
    Yield the instances of ``model`` that have these primary keys, hidden ones included.

    One query, or several where a database takes no more values in one. Django's ``in_bulk()``
    counts a composite key as one value, and makes queries that SQLite does not parse.
    """
    rows: models.QuerySet[Any] = model._base_manager.using(database)
    most = connections[database].features.max_query_params
    size = max(1, most // len(model._meta.pk_fields)) if most else len(values)
    for start in range(0, len(values), size):
        yield from rows.filter(pk__in=values[start : start + size])


def _single(model: type[Instance], key: str, database: str) -> Instance | Gone:
    try:
        obj: Instance = compiled.get(
            model._base_manager, database, references.key_value(model, key)
        )
    except ObjectDoesNotExist:
        return Gone("that has been deleted")
    return obj
