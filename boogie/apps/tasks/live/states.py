"""
What watchers are told of rows: plain data, the same from both endpoints.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.timezone import localtime

from boogie.apps.tasks import registry
from boogie.apps.tasks.db.reading import groups
from boogie.apps.tasks.models import Task, families
from boogie.apps.tasks.monitoring import describe

from .tokens import Watched, label_of

#: Columns that may be large, and of which nobody is told.
UNSEEN = ("args", "kwargs", "result", "log")

TIMES = ("created", "scheduled_for", "started", "ended")


def look(keys: Iterable[UUID], objects: Iterable[Watched], in_full: bool) -> list[dict[str, Any]]:
    """Return what is told of rows, each once: first those of objects, then the others."""
    found = [*of_objects(objects), *(of_rows(keys) if keys else ())]
    rows = {row.pk: row for row in found}
    return [describe_row(row, in_full) for row in rows.values()]


def of_rows(keys: Iterable[UUID]) -> list[Task]:
    """Return the rows with these keys, those that there are (one query)."""
    return list(_rows().filter(pk__in=list(keys)))


def of_objects(objects: Iterable[Watched]) -> list[Task]:
    """Return the newest rows of objects, newest first (two queries for each kind of object)."""
    kinds: dict[tuple[str, str], list[Watched]] = defaultdict(list)
    for one in objects:
        kinds[one.label, one.db].append(one)
    return [row for same in kinds.values() for row in newest(same)]


def describe_row(row: Task, in_full: bool) -> dict[str, Any]:
    """Return a row as JSON-compatible data; ``in_full``: for who may see every row."""
    return {
        "id": str(row.pk),
        "task": row.name,
        "status": row.status,
        "object": _object(row) or None,
        "progress": describe.progress_of(row),
        "attempt": row.attempt,
        **{name: (at := getattr(row, name)) and at.isoformat() for name in TIMES},
        "requested_by": (row.requested_by_name or None) if in_full else None,
        "error": describe.error_of(row) if in_full else None,
        "shown": shown(row),
    }


def shown(row: Task) -> dict[str, str]:
    """Return what widgets show of a row, in the language of who looks."""
    at = row.created if row.created.tzinfo is None else localtime(row.created)
    return {
        "task": called(row.name),
        "status": str(describe.LABELS[row.status]),
        "progress": describe.progress_in_words(row.progress),
        "summary": describe.in_words(row),
        "created": date_format(at, "SHORT_DATETIME_FORMAT"),
    }


def called(name: str, otherwise: str = "") -> str:
    """Return what people read for a task: the ``label`` that it was given, or its name."""
    label = getattr(registry.get(name), "label", None)
    return otherwise or name if label is None else str(label)


def _rows() -> QuerySet[Task]:
    return Task.objects.defer(*UNSEEN)


def newest(objects: list[Watched]) -> QuerySet[Task]:
    """Return the newest rows of objects of one model in one database."""
    first = objects[0]
    limits: dict[str, int] = defaultdict(int)
    for one in objects:
        limits[one.key] = max(limits[one.key], one.limit)
    rows = _rows().filter(content_type__in=families.types(first.family), object_db=first.db)
    if len(limits) == 1:
        return rows.filter(object_id__in=list(limits)).order_by("-pk")[: max(limits.values())]
    return _rows().filter(pk__in=_newest_keys(rows, limits)).order_by("-pk")


def _newest_keys(rows: QuerySet[Task], limits: dict[str, int]) -> list[UUID]:
    """Return the keys of the newest rows of several objects, as many as each may have."""
    found: list[UUID] = []
    for limit in set(limits.values()):
        of = [(key,) for key, its_limit in limits.items() if its_limit == limit]
        found += groups.keys(rows.order_by("-pk"), ["object_id"], of, limit)
    return found


def _object(row: Task) -> str:
    if row.content_type_id is None:
        return ""
    try:
        model = families.type_of(row).model_class()
    except ContentType.DoesNotExist:
        model = None
    return describe.reference(row) if model is None else f"{label_of(model)}:{row.object_id}"
