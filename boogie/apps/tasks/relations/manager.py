"""
The rows about one object, as a manager: what ``TaskRelation`` gives.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from django.db import models, router

from boogie.apps.tasks.models import Task, TaskQuerySet, families
from boogie.apps.tasks.serialization import kinship, references

#: What would insert rows, or give them to another object.
REFUSED = ("add", "bulk_create", "clear", "create", "get_or_create", "set", "update_or_create")


def refusal(instance: models.Model, name: str) -> TypeError:
    """Return the error for who would make, or give away, rows by a relation."""
    kind = type(instance).__name__
    return TypeError(
        f"{kind}.{name} makes no rows, and gives none to another object: call a task in place of "
        f"it, as in clean.delayed({kind.lower()})."
    )


Manager = models.Manager.from_queryset(TaskQuerySet)


class ObjectTasks(Manager[Task]):
    """The rows about one object; all that querysets of rows can be asked, and told."""

    def __init__(self, instance: models.Model, name: str) -> None:
        super().__init__()
        self.model = Task
        self.instance, self.name = instance, name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectTasks) and self.instance == other.instance

    __hash__ = models.Manager.__hash__

    def get_queryset(self) -> TaskQuerySet:
        """Return the rows: those that were prefetched, or a query for them."""
        kept = getattr(self.instance, "_prefetched_objects_cache", {}).get(self.name)
        rows: Any = super().get_queryset()
        found: TaskQuerySet = self._apply_rel_filters(rows) if kept is None else kept
        return found

    def _apply_rel_filters(self, rows: Any) -> Any:
        """Return those of ``rows`` that are about the object; Django calls it, too."""
        return rows.for_object(self.instance)

    def get_prefetch_querysets(self, instances: list[Any], querysets: Any = None) -> Any:
        """Return the rows of many objects, and what tells whose each is: for Django."""
        if querysets and len(querysets) != 1:
            raise ValueError("querysets argument should have a length of 1.")
        rows = querysets[0] if querysets else super().get_queryset()
        places = [_place(obj) for obj in instances]
        found = rows.filter(
            content_type__in=families.types(kinship.family(type(instances[0])), rows.db),
            object_id__in={key for key, _using in places},
            object_db__in={using for _key, using in places},
        )
        return found, _of_row, _place, False, self.name, False


def of(instance: models.Model, name: str) -> ObjectTasks:
    """Return the rows about an object, as its attribute ``name``."""
    return ObjectTasks(instance, name)


def _place(obj: models.Model) -> tuple[str, str]:
    """Return the key and the database by which rows name an object."""
    return references.object_key(obj), router.db_for_write(type(obj), instance=obj)


def _of_row(row: Any) -> tuple[str, str]:
    return row.object_id, row.object_db


def _told(name: str) -> Callable[..., Any]:
    """Return the verb ``name``, done to all rows of the object; managers have none else."""

    def verb(self: Any, *args: Any, **options: Any) -> Any:
        return getattr(self.get_queryset(), name)(*args, **options)

    verb.__name__, verb.__doc__ = name, getattr(TaskQuerySet, name).__doc__
    return verb


def _refused(name: str) -> Callable[..., NoReturn]:
    def refused(self: Any, *args: Any, **options: Any) -> NoReturn:
        raise refusal(self.instance, self.name)

    refused.__name__, refused.__doc__ = name, "Refuse: only a task makes rows."
    return refused


for _class in TaskQuerySet.__mro__:
    if _class.__module__.startswith("boogie."):
        for _name, _verb in vars(_class).items():
            if getattr(_verb, "queryset_only", False) and not _name.startswith("_"):
                setattr(ObjectTasks, _name, _told(_name))
for _name in REFUSED:
    setattr(ObjectTasks, _name, _refused(_name))
    setattr(ObjectTasks, f"a{_name}", _refused(f"a{_name}"))
