"""
Rows beside a row: its parent, its children, and others of its task on its object.
"""

import uuid
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.contrib.contenttypes.models import ContentType

from boogie.apps.tasks.models import Task, TaskQuerySet, families
from boogie.apps.tasks.monitoring import counting, describe
from boogie.apps.tasks.serialization import kinship

#: Rows that are listed, and those that are counted.
CHILDREN, SAME, CAP = 20, 10, 1000

#: The place in the list of children, in the URL.
AFTER = "children"

#: What no list shows, and may be huge.
UNSEEN = ("args", "kwargs", "result", "errors", "log")


@dataclass(frozen=True)
class Relatives:
    """The rows beside a row. ``older`` is the query of the next page of children."""

    parent: Task | None = None
    children: list[Task] = field(default_factory=list)
    count: counting.Count | None = None
    older: str = ""
    is_first: bool = True
    same: list[Task] = field(default_factory=list)
    #: The query of the list with all rows of its task on its object.
    all_same: str = ""


def of(row: Task, rows: TaskQuerySet, params: Any) -> Relatives:
    """Read those of ``rows`` that are beside ``row``: four queries at most."""
    rows, place = rows.defer(*UNSEEN), _place(params)
    mine = rows.filter(parent_id=row.pk)
    children, older = _page(mine, place)
    return Relatives(
        parent=rows.filter(pk=row.parent_id).first() if row.parent_id else None,
        children=children,
        count=counting.capped([mine], CAP)[0] if children else None,
        older=older,
        is_first=place is None,
        same=_same(row, rows),
        all_same=_all_same(row),
    )


def _place(params: Any) -> uuid.UUID | None:
    try:
        return uuid.UUID(params.get(AFTER, ""))
    except ValueError:
        return None


def _page(children: TaskQuerySet, after: uuid.UUID | None) -> tuple[list[Task], str]:
    behind = children if after is None else children.filter(pk__lt=after)
    found = list(behind.order_by("-pk")[: CHILDREN + 1])
    shown = found[:CHILDREN]
    return shown, urlencode({AFTER: shown[-1].pk}) if len(found) > CHILDREN else ""


def _all_same(row: Task) -> str:
    about = {"task": row.name, "object": describe.reference(row)}
    return urlencode({name: text for name, text in about.items() if text})


def _same(row: Task, rows: TaskQuerySet) -> list[Task]:
    kind = {"content_type": None} if row.backend else {"content_type__in": _kinds(row)}
    about = rows.named(row.name).filter(object_id=row.object_id, object_db=row.object_db, **kind)
    return list(about.exclude(pk=row.pk).order_by("-pk")[:SAME])


def _kinds(row: Task) -> list[Any]:
    """Return the type of its object, and the others that the same object may have."""
    try:
        model = families.type_of(row).model_class()
    except ContentType.DoesNotExist:
        model = None
    if model is None:
        return [row.content_type_id]
    return families.types(kinship.family(model))
