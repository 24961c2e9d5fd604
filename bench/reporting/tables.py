"""How tables of the documentation are written."""

from collections.abc import Iterable

from bench.reporting import plot
from bench.reporting.records import Records
from bench.reporting.targets import Target


def target_rows(records: Records, targets: Iterable[Target]) -> list[list[str]]:
    """Return a row for each target: what it has to be, and what it is."""
    rows = [["figure", "target", "measured", "reached"]]
    for target in targets:
        value = target.figure(records)
        if value is None:
            rows.append([target.label, target.text, "—", "not measured"])
        else:
            reached = "yes" if target.is_reached(value) else "**no**"
            rows.append([target.label, target.text, f"{value:.2f}", reached])
    return rows


def page(records: Records, title: str, targets: Iterable[Target], said: str) -> list[str]:
    """Return the lines of a table of targets, and of what was measured, and on what."""
    first, second = plot.foot(records)
    return [*table(title, target_rows(records, targets)), said, "", f"{first}. {second}."]


def about(records: Records, rounds: int) -> list[str]:
    """Return the sentences about the run, which ``rounds`` were of one figure."""
    said = [f"Medians of {rounds} round(s)."]
    if records.machine["sizes"]["quick"]:
        said.append("A quick run, to see that everything works: its figures mean little.")
    return said


def table(title: str, rows: list[list[str]]) -> list[str]:
    """Return the lines of a table; none if it has a heading alone."""
    lines = [f".. list-table:: {title}", "   :header-rows: 1", ""]
    for row in rows:
        lines += [f"   {'* -' if n == 0 else '  -'} {_cell(cell)}" for n, cell in enumerate(row)]
    return [*lines, ""] if len(rows) > 1 else []


def _cell(text: str) -> str:
    return text.replace("boogie://", "``boogie://``")
