"""What the documentation shows of the figure "together": its table, and what stands under it."""

from bench.reporting.records import Records
from bench.reporting.tables import about, page
from bench.reporting.targets import ALONE, Figure, Target, of


def _part(part: str, path: str) -> Figure:
    return of(ALONE, "together", path, part=part)


TARGETS = [
    Target("drain of a batch / of the same rows without", _part("batch", "ratio"), 0.95),
    Target(
        "from the end of its last row until on_success has a row",
        *(_part("batch", "called_ms"), 1000, True, "ms"),
    ),
    Target("the same, until that runs", _part("batch", "runs_ms"), 1000, True, "ms"),
    Target("a chain / rows that make the next one", _part("chain", "ratio"), 1.3, True),
]


def lines(records: Records) -> list[str]:
    """Return the lines of the table, and of what it was measured on."""
    return page(records, "What batches and chains cost", TARGETS, _said(records))


def _said(records: Records) -> str:
    rounds = len(list(records.values(ALONE, "together", "ratio", part="chain")))
    said = about(records, rounds)
    drains = [
        records.median(ALONE, "together", f"{name}.rate", part="batch")
        for name in ("without", "within")
    ]
    chains = [
        records.median(ALONE, "together", name, part="chain") for name in ("by_hand", "chained")
    ]
    if None not in drains:
        said.append("Two processes drain {:.0f} and {:.0f} tasks a second.".format(*drains))
    if None not in chains:
        said.append("The rows take {:.1f} s by hand and {:.1f} s as a chain.".format(*chains))
    return " ".join(said)
