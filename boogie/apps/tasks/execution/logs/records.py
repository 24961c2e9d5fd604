"""
What is logged of runs: one record when an attempt begins, one when it has ended.

All are of the logger ``boogie.apps.tasks``, with the same ``extra``. Celery's own records of the
same runs are dropped: they say less, twice, and show arguments.
"""

import logging
import time
from typing import Any

from celery import current_task
from django.db import Error

from boogie.apps.tasks import registry
from boogie.apps.tasks.db import clock
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.execution.run import DELETED, RETRIED, TAKEN, Run
from boogie.apps.tasks.functions import telling
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.monitoring import describe
from boogie.apps.tasks.tracking.logs import OWN

logger = logging.getLogger(OWN)

#: Celery's logger of what its tracer sees.
CELERYS = "celery.app.trace"

#: django-structlog's, whose records of a failure have arguments, and would be second ones.
STRUCTLOGS = "django_structlog.celery.receivers"

#: What is said of an outcome, behind the name and id of the row.
WORDS = {
    states.FAILED: "failed",
    RETRIED: "is to run again",
    states.FINISHED: "finished",
    states.CANCELLED: "was cancelled",
    TAKEN: "was settled by somebody else",
    DELETED: "has deleted its own row",
}


def started(run: Run) -> None:
    """Log that an attempt begins, behind receivers that say for whom: of django-structlog, say."""
    run.began = time.monotonic()
    if logger.isEnabledFor(logging.INFO):
        about = _about(run.row, wait_ms=_waited(run))
        text = "%s[%s] started: %s, attempt %s"
        row = run.row
        logger.info(text, row.name, row.pk, about["object"], row.attempt, extra=about)


def ended(run: Run) -> None:
    """Log how an attempt ended, once it is settled; twice is once."""
    outcome = run.told
    if outcome is None or run.is_told:
        return
    run.is_told = True
    level = _level(run, outcome)
    if not logger.isEnabledFor(level):
        return
    if outcome == TAKEN:
        outcome = _taken_by(run)
    ran = None if run.began is None else (time.monotonic() - run.began) * 1000
    waited = _waited(run)
    _tell(level, run, outcome, _about(run.row, waited, _ran(run.row) if ran is None else ran))


def lost(row: Task, reason: dict[str, Any]) -> None:
    """Log that the process of an attempt died, and that its row runs again."""
    if logger.isEnabledFor(logging.WARNING):
        about = {**_about(row, ran_ms=_ran(row)), "outcome": RETRIED}
        logger.warning(*_sentence(row, RETRIED, about, reason), extra=about)


def superseded(row: Task, reason: dict[str, Any]) -> None:
    """Log that the process of an attempt died, and that a newer row does what it did."""
    if logger.isEnabledFor(logging.INFO):
        about = {**_about(row, ran_ms=_ran(row)), "outcome": states.CANCELLED}
        logger.info(*_sentence(row, states.CANCELLED, about, reason), extra=about)


def killed(row: Task) -> None:
    """Log that the process of an attempt was killed, since its row was cancelled."""
    if logger.isEnabledFor(logging.INFO):
        about = {**_about(row, ran_ms=_ran(row)), "outcome": states.CANCELLED}
        logger.info(*_sentence(row, states.CANCELLED, about, None), extra=about)


# --- what a record has ----------------------------------------------------------------


def _about(row: Task, wait_ms: float | None = None, ran_ms: float | None = None) -> dict[str, Any]:
    return {
        **describe.attempt(row),
        "worker": row.worker,
        "wait_ms": None if wait_ms is None else round(wait_ms, 3),
        "run_ms": None if ran_ms is None else round(ran_ms, 3),
        "outcome": None,
    }


def _waited(run: Run) -> float | None:
    """Return for how long a row waited for its first attempt; a claim forgets it of others."""
    row = run.row
    if row.attempt != 1:
        return None
    if run.is_call:
        return 0.0
    since = in_utc(row.created)
    if row.scheduled_for is not None:
        since = max(since, in_utc(row.scheduled_for))
    return max(0.0, (in_utc(row.started) - since).total_seconds() * 1000)


def _ran(row: Task) -> float | None:
    """Return for how long ago an attempt began that another process ran; clocks may differ."""
    if row.started is None:
        return None
    return max(0.0, (clock.here() - in_utc(row.started)).total_seconds() * 1000)


def _taken_by(run: Run) -> str:
    """Return the status that somebody else has given to the row of a run, if that was a cancel."""
    try:
        found = run.itself.values_list("status", flat=True).first()
    except Error:  # the transaction around a call() is broken
        return TAKEN
    return states.CANCELLED if found == states.CANCELLED else TAKEN


def _level(run: Run, outcome: str) -> int:
    if outcome == RETRIED:
        return logging.WARNING
    if outcome != states.FAILED or _is_expected(run):
        return logging.INFO
    if run.row.backend and telling.is_logged("task_finished", logging.ERROR):
        return logging.WARNING  # Django logs the error of a function, with its traceback
    return logging.ERROR


def _is_expected(run: Run) -> bool:
    """Return whether a task names the error among those that it ``throws``: Celery's option."""
    expected: Any = getattr(registry.get(run.row.name), "throws", ())
    return bool(expected) and isinstance(run.exception, expected)


# --- saying it ------------------------------------------------------------------------


def _tell(level: int, run: Run, outcome: str, about: dict[str, Any]) -> None:
    about["outcome"] = outcome
    text, *args = _sentence(run.row, outcome, about, run.reason)
    shows = level == logging.ERROR and run.exception is not None
    error = run.exception if shows and not run.hidden else None
    info = None if error is None else (type(error), error, error.__traceback__)
    record = logger.makeRecord(
        OWN, level, __file__, 0, text, tuple(args), info, func="ended", extra=about
    )
    if shows and run.hidden and run.reason is not None:
        # As the row has it: a handler would format the exception itself, and show everything.
        record.exc_text = str(run.reason["traceback"]).rstrip("\n")  # a mask, if it is encrypted
    logger.handle(record)


def _sentence(row: Task, outcome: str, about: dict[str, Any], reason: Any) -> tuple[Any, ...]:
    """Return the message of a record, and its arguments."""
    text, args = "%s[%s] %s", [row.name, row.pk, WORDS[outcome]]
    if about["run_ms"] is not None:
        text, args = f"{text} after %.0f ms", [*args, about["run_ms"]]
    if reason is not None and outcome in (states.FAILED, RETRIED, states.CANCELLED):
        kind = reason["type"].rpartition(".")[2]
        text, args = f"{text}: %s: %s", [*args, kind, reason["message"]]
    return (text, *args)


# --- Celery's own ---------------------------------------------------------------------


class _NotOurs(logging.Filter):
    """Drops what Celery says of runs of Boogie tasks: it is said here."""

    def filter(self, record: logging.LogRecord) -> bool:
        about = record.args
        name = about.get("name") if isinstance(about, dict) else None
        return not isinstance(name, str) or registry.get(name) is None


class _NotOfOurs(logging.Filter):
    """Drops what others say of failures and retries of Boogie tasks: with what they raised."""

    def filter(self, record: logging.LogRecord) -> bool:
        if not registry.is_ours(current_task):
            return True
        return record.levelno < logging.ERROR and not any(
            event in str(record.msg) for event in ("task_failed", "task_retrying")
        )


_filters = {CELERYS: _NotOurs(), STRUCTLOGS: _NotOfOurs()}


def connect() -> None:
    """Drop what others log of the end of our runs; twice is once."""
    for name, one in _filters.items():
        logging.getLogger(name).addFilter(one)
