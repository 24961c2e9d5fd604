"""
Tasks and failures as tables, with links into the list of rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.rollups.figures import Failures, Figures, TaskFigures

from . import times

#: Rows of a table.
LIMIT = 15

Key = Callable[[TaskFigures], Any]

#: Orders of tasks, by their names in the URL: what they are called, and the key; highest first.
ORDERS: dict[str, tuple[Any, Key]] = {
    "busiest": (_("Busiest"), lambda task: task.busy),
    "slowest": (_("Slowest"), lambda task: task.run.p95 or 0.0),
    "failing": (_("Most failing"), lambda task: (task.failed, task.failure_rate)),
}


@dataclass(frozen=True)
class TaskRow:
    """One task; times in words."""

    task: TaskFigures
    link: str
    failed_link: str
    busy: str
    percent: float
    wait: list[str]
    run: list[str]


@dataclass(frozen=True)
class FailureRow:
    """Failures of one task with one type of error."""

    failures: Failures
    error: str
    link: str
    first: datetime
    last: datetime
    first_age: str
    last_age: str


def ordered(figures: Figures, order: str) -> list[TaskFigures]:
    """Return the tasks of a range, of which the first are shown."""
    key = ORDERS[order][1]
    return sorted(figures.tasks, key=key, reverse=True)[:LIMIT]


def tasks(figures: Figures, shown: list[TaskFigures]) -> list[TaskRow]:
    """Return the tasks of a range as rows."""
    return [
        TaskRow(
            task=task,
            link=rows_link(figures, task=task.name),
            failed_link=rows_link(figures, task=task.name, status="failed"),
            busy=times.in_words(task.busy),
            percent=100 * task.failure_rate,
            wait=_in_words(task.wait),
            run=_in_words(task.run),
        )
        for task in shown
    ]


def failures(figures: Figures) -> list[FailureRow]:
    """Return what failed in a range, the most frequent first."""
    return [
        FailureRow(
            failures=each,
            error=each.error_type.rpartition(".")[2],
            link=rows_link(figures, task=each.name, status="failed"),
            first=times.local(each.first),
            last=times.local(each.last),
            first_age=times.ago(each.first),
            last_age=times.ago(each.last),
        )
        for each in figures.failures[:LIMIT]
    ]


def rows_link(figures: Figures, **filters: str) -> str:
    """Return the query by which the list shows rows with filters, made in the range."""
    range_ = figures.range
    since = range_.since.isoformat(timespec="seconds")
    until = {} if range_.is_open else {"until": range_.until.isoformat(timespec="seconds")}
    query = urlencode({**{k: v for k, v in filters.items() if v}, "since": since, **until})
    return f"?{query}"


def _in_words(of: Any) -> list[str]:
    return [times.in_words(value) for value in (of.p50, of.p95, of.p99)]
