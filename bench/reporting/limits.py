"""What the documentation shows of the figure "limits": its table, and what stands under it."""

from typing import Any

from bench.reporting.records import Records
from bench.reporting.tables import about, page
from bench.reporting.targets import ALONE, REDIS, Figure, Target, of


def _part(part: str, path: str, system: str = ALONE) -> Figure:
    return of(system, "limits", path, part=part)


TARGETS = [
    Target("a unique row, to enqueue / a plain one", _part("unique", "ratio"), 1.3, True),
    Target("drain of others, beside rows that are held / without", _part("held", "ratio"), 0.95),
    Target(
        "to hand over a slot, boogie:// on PostgreSQL, p50",
        _part("handover", "p50"),
        200,
        True,
        "ms",
    ),
    Target("the same, p95", _part("handover", "p95"), 200, True, "ms"),
    Target("to hand over a slot, Redis, p50", _part("handover", "p50", REDIS), 1000, True, "ms"),
    Target("the same, p95", _part("handover", "p95", REDIS), 1000, True, "ms"),
    Target("a rate of 100 a second, off by", _part("rate", "percent"), 2, True, "%"),
    Target(
        "an instance as an argument, to enqueue",
        _part("instances", "more.enqueue"),
        0,
        True,
        "statements more",
    ),
    Target("the same, to run", _part("instances", "more.run"), 1, True, "statements more"),
]


def lines(records: Records) -> list[str]:
    """Return the lines of the table, and of what it was measured on."""
    return page(records, "What limits cost, and hold to", TARGETS, _said(records))


def _said(records: Records) -> str:
    rounds = len(list(records.values(ALONE, "limits", "ratio", part="unique")))
    said = about(records, rounds)
    for text, figures in SENTENCES:
        values = [records.median(ALONE, "limits", path, part=part) for part, path in figures]
        if None not in values:
            said.append(text.format(*values))
    return " ".join(said)


#: Sentences, and the figures in them: part and path.
SENTENCES: list[tuple[str, Any]] = [
    (
        "Enqueued one by one, {:.0f} rows a second of a plain task and {:.0f} of a unique one.",
        [("unique", "plain"), ("unique", "unique")],
    ),
    (
        "Two processes drain {:.0f} tasks a second of others while none is held, {:.0f} beside "
        "those that are; a task takes {:.2f} and {:.2f} ms of CPU.",
        [
            ("held", "without.rate"),
            ("held", "beside.rate"),
            ("held", "without.cpu_ms"),
            ("held", "beside.cpu_ms"),
        ],
    ),
    (
        "Over 4 workers {:.2f} rows start a second, {:.0f} at most within any one second.",
        [("rate", "rate"), ("rate", "in_a_second")],
    ),
    (
        "To run a row takes {:.2f} statements, and {:.2f} with an instance as an argument.",
        [("instances", "plain.run"), ("instances", "given.run")],
    ),
]
