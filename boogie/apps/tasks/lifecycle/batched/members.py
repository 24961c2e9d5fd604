"""
Which rows are of batches, as statements that move them can tell; and what batches are told of.
"""

from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Any

from django.apps import apps
from django.db.models import Case, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.lookups import IsNull

from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.updating.marked import Marks
from boogie.apps.tasks.lifecycle import states

Rows = QuerySet[Any]

#: A row tells of its end only while no more others of its batch than these wait to run: those will
#: end behind it, though not all of fewer, which may be over before its own end has been committed.
FEW = 64

#: The batches of rows.
BATCH: Marks = {"batch": F("batch_id")}


def open_rows(rows: Rows, key: Any) -> Rows:
    """Return the rows of a batch that have not ended, the newest first: the others are done."""
    return rows.filter(batch_id=key, ended__isnull=True).order_by("-pk")


def perhaps_last(rows: Rows) -> Marks:
    """
    Return the mark of rows that may be the last ones of their batch, its key: few wait to run.

    No more rows are looked at than that, and those that run at one time.
    """
    everything = rows.model._base_manager.using(rows.db)
    left = open_rows(everything, OuterRef("batch_id")).exclude(status=states.RUNNING)
    is_last = Q(batch_id__isnull=False) & Q(
        IsNull(Subquery(left.values("pk")[FEW : FEW + 1]), True)
    )
    return {"batch": Case(When(is_last, then=F("batch_id")))}


def batches_in(using: str) -> Rows:
    """Return all batches of a database."""
    found: Rows = apps.get_model("boogie_tasks", "Batch")._base_manager.using(using)
    return found


def reopen(rows: Rows, keys: Iterable[Any] | None) -> None:
    """
    Have batches run again, rows of which were queued; ``None``: nobody knows of which.

    Also those that run: one that ends just now is waited for, which a condition would not see.
    """
    batches = batches_in(rows.db)
    if keys is not None:
        mine = batches.filter(pk__in=list(keys))
    else:
        again = rows.model._base_manager.using(rows.db)
        again = again.filter(status=states.QUEUED, batch_id__isnull=False)
        found = list(again.order_by().values_list("batch_id", flat=True).distinct())
        mine = batches.filter(pk__in=found)
    outages.unlocked(rows.db, partial(mine.update, ended=None, outcome=""))


def forget(using: str, deleted: Iterable[tuple[Any, str]]) -> list[Any]:
    """Count for their batches rows that are deleted, by batch and status; return the batches."""
    counted = Counter((key, status == states.FINISHED) for key, status in deleted)
    for (key, has_finished), number in sorted(counted.items()):
        name = "deleted_finished" if has_finished else "deleted_others"
        batches_in(using).filter(pk=key).update(**{name: F(name) + number})
    return list({key for key, _ in counted})
