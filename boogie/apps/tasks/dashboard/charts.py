"""
What the charts show, as data for the script, and the same as tables.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from boogie.apps.tasks.rollups.figures import Figures, Point, TaskFigures, Times

from . import times

#: Tasks that a chart of percentiles shows.
TASKS = 8


@dataclass(frozen=True)
class Row:
    """A point of the series, as the table behind the chart has it."""

    label: str
    point: Point


def series(figures: Figures) -> list[Row]:
    """Return the points in which something ended."""
    points = [
        point for point in figures.points if point.finished or point.failed or point.cancelled
    ]
    return [Row(times.label(point.start, figures.range), point) for point in points]


def data(
    figures: Figures, tasks: list[TaskFigures], releases: list[tuple[str, datetime]]
) -> dict[str, Any]:
    """Return all that the script draws, as JSON-compatible data."""
    range_ = figures.range
    return {
        "labels": [times.label(point.start, range_) for point in figures.points],
        "finished": [point.finished for point in figures.points],
        "failed": [point.failed for point in figures.points],
        "cancelled": [point.cancelled for point in figures.points],
        "marks": [
            {"at": (seen - range_.since).total_seconds() / range_.step, "label": version}
            for version, seen in releases
        ],
        "wait": _percentiles([(task.name, task.wait) for task in tasks]),
        "run": _percentiles([(task.name, task.run) for task in tasks]),
        "words": {
            "finished": _("finished"),
            "failed": _("failed"),
            "cancelled": _("cancelled"),
            "p50": _("median"),
            "p95": "p95",
            "p99": "p99",
            "milliseconds": _("ms"),
            "seconds": _("s"),
            "minutes": _("min"),
            "hours": _("h"),
        },
    }


def _percentiles(named: list[tuple[str, Times]]) -> dict[str, list[Any]]:
    known = [(name, asdict(of)) for name, of in named if of.p50 is not None][:TASKS]
    return {
        "tasks": [name for name, _of in known],
        **{share: [of[share] for _name, of in known] for share in ("p50", "p95", "p99")},
    }
