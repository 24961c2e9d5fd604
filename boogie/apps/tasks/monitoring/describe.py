"""
Rows as plain data, for programs that read them, and in words, for people.
"""

from datetime import datetime
from typing import Any

from django.utils.formats import localize
from django.utils.translation import gettext as _

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Progress, Task, families
from boogie.apps.tasks.serialization.sealing import is_sealed, shown
from boogie.apps.tasks.serialization.secrets import MASK

#: Times of a row, in the order in which they come.
TIMES = ("created", "scheduled_for", "expires", "started", "progressed", "ended", "acknowledged")

#: Rows that are named of those that a row waits for.
WAITS_FOR = 20

#: What people read for a status.
LABELS = {str(status): label for status, label in states.STATUS}


def reference(row: Task) -> str:
    """Return what a row is about as ``app.model:key``, which filters take; empty: nothing."""
    return families.about(row) or ""


def attempt(row: Task) -> dict[str, Any]:
    """Return what logs and events say of the attempt that a row has begun."""
    return {
        "task": row.name,
        "row": str(row.pk),
        "object": families.about(row),
        "attempt": row.attempt,
        "queue": row.queue,
    }


def in_short(row: Task) -> dict[str, Any]:
    """Return what a list shows of a row, as JSON-compatible data."""
    return {
        "id": str(row.pk),
        "task": row.name,
        "status": row.status,
        "object": reference(row) or None,
        **{name: _time(getattr(row, name)) for name in TIMES},
        "queue": row.queue,
        "attempt": row.attempt,
        "requested_by": row.requested_by_name or None,
        "error": error_of(row),
        "progress": progress_of(row),
    }


def error_of(row: Task) -> str | None:
    """Return the last error of a row as people may see it; nothing of what is stored encrypted."""
    if row.error is None:
        return None
    last = row.errors[-1]
    return f"{last['type'].rpartition('.')[2]}: {MASK}" if is_sealed(last["message"]) else row.error


def shown_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of ``errors`` or ``log``, masked where it is stored encrypted."""
    return {key: MASK if is_sealed(value) else value for key, value in entry.items()}


def progress_of(row: Task) -> dict[str, Any] | None:
    """Return how far a row is, as JSON-compatible data."""
    progress = row.progress
    return progress and {
        "done": progress.done,
        "total": progress.total,
        "note": shown(progress.note),
        "fraction": progress.fraction,
    }


def progress_in_words(progress: Progress | None) -> str:
    """Return how far a row is for people: ``40 of 100 · cleaning``; empty if nobody knows."""
    if progress is None:
        return ""
    done, total = localize(progress.done), localize(progress.total)
    if progress.total is not None:
        done = _("%(done)s of %(total)s") % {"done": done, "total": total}
    return f"{done} · {shown(progress.note)}" if progress.note else str(done)


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
        "object_db": row.object_db or None,
        "backend": row.backend or None,
        "priority": row.priority,
        "worker": row.worker or None,
        "retries": row.retries,
        "losses": row.losses,
        "batch": row.batch_id,
        "waits_for": [str(pk) for pk in row.waits_for.values_list("pk", flat=True)[:WAITS_FOR]],
        "parent": None if row.parent_id is None else str(row.parent_id),
        "errors": [shown_entry(entry) for entry in row.errors],
        "log": [{**shown_entry(line), "at": _time(line["at"])} for line in row.log],
    }


def _time(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()
