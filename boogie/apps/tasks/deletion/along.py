"""
Which rows a deletion takes along, and how.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from django.db import models, transaction

from boogie.apps.tasks import policies, registry
from boogie.apps.tasks.db import outages
from boogie.apps.tasks.exceptions import ObjectGone
from boogie.apps.tasks.lifecycle import places, transitions, wiping
from boogie.apps.tasks.models import Schedule, Task, families
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.relations import about
from boogie.apps.tasks.serialization import kinship, references

#: What a schedule says that was paused, since its object is gone.
GONE = f"{ObjectGone.__qualname__}: the object has been deleted"

#: Objects whose rows one statement changes, and objects that one looks for.
CHUNK, LOOK = 1000, 5000

Model = type[models.Model]


@dataclass(frozen=True)
class Group:
    """Objects that go, and which of their rows do what."""

    using: str
    #: The models as which rows may name them.
    kinds: tuple[Model, ...]
    #: The names of tasks by their policy.
    names: dict[str, list[str]]
    #: Their keys, by the text of these.
    keys: Mapping[str, Any]
    #: Of what Django deletes without having read it: which of them is there yet is not gone.
    found_in: Model | None


def concerned(collector: Any) -> list[Group]:
    """Return what a deletion is to take along; nothing where no task has a policy for it."""
    tasks = [task for task in registry.declared() if task.on_delete != policies.KEEP]
    return [
        Group(collector.using, kinds, names, keys, found_in)
        for kinds, keys, found_in in _going(collector, partial(_names, tasks))
        if (names := _names(tasks, kinds))
    ]


def _going(
    collector: Any, names: Any
) -> Iterator[tuple[tuple[Model, ...], Mapping[str, Any], Model | None]]:
    """Yield the models as which rows may name what is deleted, and its keys; see ``Group``."""
    for rows in collector.fast_deletes:
        kinds = tuple(kinship.branch(rows.model))
        if names(kinds):
            yield kinds, dict(_keys_of(rows)), rows.model
    models_of: dict[tuple[Model, str], list[Model]] = defaultdict(list)
    for model, objects in collector.data.items():
        if names(kinship.branch(model)):
            for obj in objects:
                models_of[kinship.root(model), references.object_key(obj)].append(model)
    keys: dict[tuple[Model, ...], dict[str, Any]] = defaultdict(dict)
    for (_root, key), same in models_of.items():
        keys[tuple(dict.fromkeys(kind for one in same for kind in kinship.branch(one)))][key] = None
    for kinds, known in keys.items():
        yield kinds, known, None


def _keys_of(rows: Any) -> Iterator[tuple[str, Any]]:
    """Yield the keys of what Django deletes without reading it, as text and as they are."""
    for obj in rows.only("pk").iterator(chunk_size=CHUNK):
        yield references.object_key(obj), obj.pk


def _names(tasks: list[Any], kinds: Iterable[Model]) -> dict[str, list[str]]:
    """Return the names of the tasks that are about one of ``kinds``, by their policy."""
    found: dict[str, list[str]] = defaultdict(list)
    for task in tasks:
        if any(map(task.accepts, kinds)):
            found[task.on_delete] += task.names
    return dict(found)


# --- rows -----------------------------------------------------------------------------


def carry_out(group: Group) -> None:
    """Take the rows of some objects along, in the transaction that has deleted these."""
    gone = iter(_gone(group))
    while keys := list(islice(gone, CHUNK)):
        if (using := primary(Task)) == group.using:
            _take(using, group, keys)
        else:  # two databases have no transaction in common: then once the objects are gone
            take = partial(_take, using, group, keys)
            transaction.on_commit(take, using=group.using, robust=True)


def _gone(group: Group) -> Iterator[str]:
    """Yield the keys of those that were deleted: one may have been another meanwhile."""
    if group.found_in is None:
        yield from group.keys
        return
    objects = group.found_in._base_manager.using(group.using).only("pk")
    left = iter(group.keys.items())
    while some := dict(islice(left, LOOK)):
        there = {references.object_key(obj) for obj in objects.filter(pk__in=list(some.values()))}
        yield from (key for key in some if key not in there)


def _take(using: str, group: Group, keys: list[str]) -> None:
    those: dict[str, Any] = {
        "content_type__in": families.types(list(group.kinds), using),
        "object_id__in": keys,
        "object_db": about.written_to(group.kinds[0], group.using),
    }
    rows = Task.objects.using(using).filter(**those)
    schedules = Schedule.objects.using(using).filter(**those)
    if names := group.names.get(policies.CANCEL):
        transitions.cancel(rows.filter(name__in=names, status__in=places.WAITING))
        outages.unlocked(using, partial(schedules.filter(task__in=names).stop, GONE))
    if names := group.names.get(policies.CASCADE):
        with transaction.atomic(using=using, savepoint=False):
            wiping.delete(rows.filter(name__in=names))
            schedules.filter(task__in=names).delete_now()
