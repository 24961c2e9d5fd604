"""
Rows as plain data, for programs that read them, and in words, for people.
"""

from datetime import datetime
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.utils.formats import localize
from django.utils.translation import gettext as _

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Progress, Task, families

#: Times of a row, in the order in which they come.
TIMES = ("created", "scheduled_for", "started", "progressed", "ended", "acknowledged")

#: What people read for a status.
LABELS = {str(status): label for status, label in states.STATUS}


def reference(row: Task) -> str:
    """Return what a row is about as ``app.model:key``, which filters take."""
    try:
        kind = families.type_of(row)
    except ContentType.DoesNotExist:
        return f"?:{row.object_id}"
    return f"{kind.app_label}.{kind.model}:{row.object_id}"


def in_short(row: Task) -> dict[str, Any]:
    """Return what a list shows of a row, as JSON-compatible data."""
    return {
        "id": str(row.pk),
        "task": row.name,
        "status": row.status,
        "object": reference(row),
        **{name: _time(getattr(row, name)) for name in TIMES},
        "queue": row.queue,
        "attempt": row.attempt,
        "requested_by": row.requested_by_name or None,
        "error": row.error,
        "progress": progress_of(row),
    }


def progress_of(row: Task) -> dict[str, Any] | None:
    """Return how far a row is, as JSON-compatible data."""
    progress = row.progress
    return progress and {
        "done": progress.done,
        "total": progress.total,
        "note": progress.note,
        "fraction": progress.fraction,
    }


def progress_in_words(progress: Progress | None) -> str:
    """Return how far a row is for people: ``40 of 100 · cleaning``; empty if nobody knows."""
    if progress is None:
        return ""
    done, total = localize(progress.done), localize(progress.total)
    if progress.total is not None:
        done = _("%(done)s of %(total)s") % {"done": done, "total": total}
    return f"{done} · {progress.note}" if progress.note else str(done)


def in_words(row: Task) -> str:
    """Return the status and how far a row is; where something moves, only that."""
    status, progress = str(LABELS[row.status]), progress_in_words(row.progress)
    if row.is_running and progress:
        return progress
    return f"{status} · {progress}" if progress else status


def stalled(rows: list[Task]) -> set[Any]:
    """Return the keys of those of ``rows`` whose bar has not moved for long (one query)."""
    told = [row.pk for row in rows if row.is_running and row.progressed is not None]
    if not told:
        return set()
    found = Task.objects.stalled(conf.STALLED_AFTER).filter(pk__in=told)
    return set(found.values_list("pk", flat=True))


def in_full(row: Task) -> dict[str, Any]:
    """Return everything that may be shown of a row; arguments are not among it."""
    return {
        **in_short(row),
        "object_db": row.object_db,
        "priority": row.priority,
        "worker": row.worker or None,
        "retries": row.retries,
        "losses": row.losses,
        "parent": None if row.parent_id is None else str(row.parent_id),
        "errors": row.errors,
        "log": [{**line, "at": _time(line["at"])} for line in row.log],
    }


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
