"""
Where the objects of many rows come from: a queryset, or an iterable. No row is made here.

Of a plain queryset only primary keys are read. One that makes instances in its own way, of
subclasses as a rule, is asked for them: rows are about what it yields.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import connections, models, router
from django.db.models.query import (
    FlatValuesListIterable,
    ModelIterable,
    NamedValuesListIterable,
    ValuesIterable,
    ValuesListIterable,
)

from boogie.apps.tasks.db import features
from boogie.apps.tasks.models import families
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.serialization import references as refs

#: The content type of an object, its key, its database; behind them what else was asked for.
Reference = tuple[Any, ...]
References = Generator[Reference, None, None]

#: The same with the model in place of its content type.
Named = tuple[Any, ...]

#: Objects that are read at one time.
CHUNK = 2000

#: How Django's own querysets yield what they have read: each is of the queryset's model.
PLAIN = (
    ModelIterable,
    ValuesIterable,
    ValuesListIterable,
    NamedValuesListIterable,
    FlatValuesListIterable,
)

#: Methods of querysets by which others yield something else.
YIELDING = ("__iter__", "_fetch_all", "iterator")


class Telling(Protocol):
    """What tells something more of each object: the key of a unique row, or its limits."""

    #: Whether it has to see the objects themselves.
    reads_objects: bool

    def of(self, model: type[models.Model], obj: Any, key: str, database: str) -> Any:
        """Return it; ``obj`` is ``None`` where only the key is known."""


def references(
    task: Declaration, objects: Any, using: str, more: Sequence[Telling] = ()
) -> References:
    """
    Return content type, key and database of each object, to be read one after the other.

    ``more``: what each of these tells of an object stands behind that.
    """
    if isinstance(objects, models.QuerySet):
        if _is_plain(objects) and not any(one.reads_objects for one in more):
            task.check_model(objects.model)
            return _by_keys(task, objects, using, more)
        return _typed(_unblocked(_of_queryset(task, objects, more), objects.db), using)
    if not isinstance(objects, Iterable) or isinstance(objects, str | bytes | dict):
        raise TypeError(
            f"{task.name}: each() takes a queryset or an iterable of model instances, "
            f"not {objects!r:.80} of type {type(objects).__qualname__}."
        )
    return _typed(_of(task, objects, more), using)


@dataclass
class Read:
    """How far a source was read: how many objects, and the key of the last one."""

    number: int = 0
    last: str = ""

    def once(self, found: References) -> References:
        """Yield each object of a source that is in the order of their keys, once."""
        with closing(found):
            for reference in found:
                key = reference[1]
                is_new = not self.number or key != self.last
                self.number, self.last = self.number + 1, key
                if is_new:
                    yield reference


def _is_plain(objects: Any) -> bool:
    """Return whether a queryset yields instances of its model, and of no subclass."""
    own = type(objects)
    return objects._iterable_class in PLAIN and all(
        getattr(own, name) is getattr(models.QuerySet, name) for name in YIELDING
    )


def _of(task: Declaration, objects: Iterable[Any], more: Sequence[Telling]) -> Iterator[Named]:
    for given in objects:
        obj = refs.check_object(task.name, given)
        task.check_object(obj)
        database = router.db_for_write(type(obj), instance=obj)
        key = refs.checked_key(task.name, obj)
        own = (one.of(type(obj), obj, key, database) for one in more)
        yield type(obj), key, database, *own


def _of_queryset(task: Declaration, objects: Any, more: Sequence[Telling]) -> Iterator[Named]:
    # A cursor that is still open when the transaction is rolled back breaks the one around it.
    with closing(_instances(objects)) as found:
        yield from _of(task, found, more)


def _typed(found: Iterable[Named], using: str) -> References:
    for model, *rest in found:
        yield families.type_for(model, using).pk, *rest


def _instances(objects: Any) -> Generator[Any, None, None]:
    """Yield the instances: read at one time where that is how they are made."""
    own, plain = type(objects), models.QuerySet
    is_read = objects._result_cache is not None
    at_once = own.__iter__ is not plain.__iter__ or own._fetch_all is not plain._fetch_all
    yield from objects if is_read or at_once else objects.iterator(chunk_size=CHUNK)


def _by_keys(
    task: Declaration, objects: "models.QuerySet[Any]", using: str, more: Sequence[Telling]
) -> References:
    model = objects.model
    probe = model()
    probe._state.db = objects.db
    database = router.db_for_write(model, instance=probe)
    kind = families.type_for(model, using).pk
    with closing(_keys(objects)) as found:
        for value in _unblocked(found, objects.db):
            probe.pk = value
            key = refs.checked_key(task.name, probe)
            own = (one.of(model, None, key, database) for one in more)
            yield kind, key, database, *own


def _keys(objects: "models.QuerySet[Any]") -> Generator[Any, None, None]:
    yield from objects.values_list("pk", flat=True).iterator(chunk_size=CHUNK)


def _unblocked(found: Iterator[Any], using: str) -> Iterator[Any]:
    """Read everything first where an open cursor would keep others from writing."""
    if features.blocks_readers(connections[using]):
        # Nothing can be written under a cursor that is open since before somebody else wrote.
        return iter(list(found))
    return found
