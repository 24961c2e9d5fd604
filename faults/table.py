"""
The table of the documentation, as reStructuredText.
"""

import os
import platform
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from faults.evidence.figures import MOST_EXTRA, Outcome

NAMES = {
    "postgresql": "PostgreSQL",
    "mariadb": "MariaDB",
    "sqlite": "SQLite",
    "redis": "Redis",
    "rabbitmq": "RabbitMQ",
    "boogie": "``boogie://``",
}

#: Times that each fault is made below which a run proves little.
SMALL = 10

HEADER = ("on", "runs", "rows", "lost", "overlaps", "late writes", "twice", "recovery", "limit")


@dataclass(frozen=True)
class Facts:
    """How the figures were made."""

    seed: int
    runs: int
    #: Seconds of chaos.
    chaos: float
    seconds: float
    load: float


def page(outcomes: list[Outcome], control: list[dict[str, Any]], facts: Facts) -> str:
    """Return the whole file: a table for each fault, the control, how it was made."""
    of_fault: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        of_fault[outcome.fault].append(outcome)
    parts = [".. Written by ``make faults``; changes by hand are lost."]
    parts.append(_table(_header(), _lines(of_fault)))
    parts += _broken(outcomes)
    parts += _skipped(outcomes)
    if control:
        parts.append(control_table(control))
    parts.append(_foot(facts))
    return "\n\n".join(parts) + "\n"


def chaos(outcomes: list[Outcome], facts: Facts) -> str:
    """Return the whole file of a chaos."""
    lines = [_line(outcome.title if i == 0 else "", outcome) for i, outcome in enumerate(outcomes)]
    parts = [".. Written by ``make chaos``; changes by hand are lost.", _table(_header(), lines)]
    how = f"{facts.chaos:.0f} seconds on each, ``SEED={facts.seed}``. {_where(facts)}"
    return "\n\n".join([*parts, *_broken(outcomes), how]) + "\n"


def _broken(outcomes: list[Outcome]) -> list[str]:
    """Return the promises that were broken, what no column shows among them."""
    found = [f"* {o.title}, {leg(o.leg)}: {text}" for o in outcomes for text in o.violations()]
    return ["**Promises that were broken:**", "\n".join(found)] if found else []


def _skipped(outcomes: list[Outcome]) -> list[str]:
    legs: dict[tuple[str, str], list[str]] = defaultdict(list)
    for outcome in outcomes:
        if outcome.skipped:
            legs[outcome.title, outcome.skipped].append(leg(outcome.leg))
    found = [f"* {title}, on {', '.join(on)}: {why}." for (title, why), on in legs.items()]
    return ["Not made:", "\n".join(found)] if found else []


def leg(name: str) -> str:
    """Return how a reader calls a leg."""
    return " + ".join(NAMES[part] for part in name.split("+"))


def _header() -> list[str]:
    return ["fault", *HEADER]


def _lines(of_fault: dict[str, list[Outcome]]) -> list[list[str]]:
    lines = []
    for outcomes in of_fault.values():
        made = [outcome for outcome in outcomes if not outcome.skipped]
        lines += [_line(one.title if i == 0 else "", one) for i, one in enumerate(made)]
    return lines


def _line(title: str, outcome: Outcome) -> list[str]:
    overlaps = str(outcome.overlaps)
    if outcome.excused:
        overlaps += f" (+{outcome.excused} frozen)"
    recovery = "\N{EN DASH}"
    if outcome.median is not None and outcome.worst is not None:
        recovery = f"{outcome.median:.1f} / {outcome.worst:.1f} s"
    limit = "\N{EN DASH}" if outcome.limit is None else f"{outcome.limit:.0f} s"
    if outcome.extra is not None:
        recovery = f"{outcome.extra:,} extra messages ({outcome.extra / outcome.waiting:.2%})"
        limit = f"{MOST_EXTRA:.0%}"
    numbers = (outcome.runs, outcome.rows, outcome.lost, overlaps, outcome.late_writes)
    return [title, leg(outcome.leg), *map(str, numbers), str(outcome.duplicates), recovery, limit]


def control_table(control: Iterable[dict[str, Any]]) -> str:
    """Return the table of plain Celery."""
    header = ["plain Celery + django-celery-results", "runs", "what the harness saw"]
    return _table(header, [[row["title"], str(row["runs"]), row["seen"]] for row in control])


def _table(header: list[str], lines: list[list[str]]) -> str:
    text = [".. list-table::", "   :header-rows: 1", "   :class: figures", ""]
    for line in [header, *lines]:
        text += [f"   {'* -' if i == 0 else '  -'} {cell}".rstrip() for i, cell in enumerate(line)]
    return "\n".join(text)


def _foot(facts: Facts) -> str:
    small = "A small run, which shows the form. " if facts.runs < SMALL else ""
    minutes = f"in {facts.seconds / 60:.0f} minutes"
    return f"{small}Made with ``RUNS={facts.runs} SEED={facts.seed}`` {minutes}. {_where(facts)}"


def _where(facts: Facts) -> str:
    software = ", ".join(f"{name} {version(name)}" for name in ("celery", "django", "kombu"))
    return (
        f"Python {platform.python_version()}, {software}; {os.cpu_count()} cores shared by "
        f"everything, servers, workers and harness, load average {facts.load:.1f} at the end."
    )
