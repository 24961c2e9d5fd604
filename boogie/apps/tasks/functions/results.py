"""
Rows as results of Django Tasks.
"""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from . import finding, library


def of(row: Any) -> Any:
    """Return ``row``, of a function, as a result; raise ``UnknownTask`` if that is gone."""
    starts = [_moment(claim["at"]) for claim in row.claims] or [row.started]
    workers = [claim["worker"] for claim in row.claims]
    result = library.TaskResult(
        task=restored(row),
        id=str(row.pk),
        status=_status(row),
        enqueued_at=row.created,
        started_at=starts[0],
        last_attempted_at=starts[-1],
        finished_at=row.ended,
        args=row.args,
        kwargs=row.kwargs,
        backend=row.backend,
        errors=[_error(entry) for entry in row.errors],
        # One for each attempt, also of a row that somebody made by hand.
        worker_ids=workers + [row.worker] * (row.attempt - len(workers)),
    )
    if row.is_finished:
        object.__setattr__(result, "_return_value", row.result)
    return result


def restored(row: Any) -> Any:
    """
    Return the task of ``row`` as it was enqueued: of its class, and not validated again.

    What may be enqueued today is no matter to what was.
    """
    declared = finding.find(row.name)
    task = object.__new__(type(declared))
    own = {
        "priority": row.priority,
        "queue_name": row.queue,
        "backend": row.backend,
        "run_after": row.scheduled_for,
    }
    for field in fields(declared):
        value = own[field.name] if field.name in own else getattr(declared, field.name)
        object.__setattr__(task, field.name, value)
    return task


def _status(row: Any) -> Any:
    if row.is_finished:
        return library.TaskResultStatus.SUCCESSFUL
    if row.is_ended:
        return library.TaskResultStatus.FAILED
    return library.TaskResultStatus.RUNNING if row.is_running else library.TaskResultStatus.READY


def _error(entry: dict[str, Any]) -> Any:
    return library.TaskError(exception_class_path=entry["type"], traceback=entry["traceback"])


def _moment(text: str) -> datetime:
    """Return a time of a claim as columns have theirs: aware, or local where ``USE_TZ`` is off."""
    found = datetime.fromisoformat(text)
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    if settings.USE_TZ:
        return found
    return timezone.make_naive(found, timezone.get_default_timezone())
