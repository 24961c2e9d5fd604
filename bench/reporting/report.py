"""
From records to what the documentation shows: two tables and a plot.

A full run writes them into the documentation; a quick one, whose figures mean
little, beside its records.
"""

from collections.abc import Callable
from pathlib import Path

from bench import contention, places
from bench.reporting import limits, plot, together, waiting
from bench.reporting.records import Records
from bench.reporting.tables import table, target_rows
from bench.reporting.targets import TARGETS, Figure, cycle, of, wal
from bench.systems import SYSTEMS

DOCS = places.ROOT / "docs/explanation"

#: Figures that have a table of their own.
OWN: dict[str, Callable[[Records], list[str]]] = {
    "limits": limits.lines,
    "together": together.lines,
    "waiting": waiting.lines,
}

#: Heading, figure of a system, format.
COLUMNS: list[tuple[str, Callable[[str], Figure], str]] = [
    ("drain, tasks/s", lambda s: cycle(s, "drain.rate"), "{:.0f}"),
    ("CPU, ms/task", lambda s: cycle(s, "drain.cpu_ms"), "{:.2f}"),
    ("statements to enqueue", lambda s: cycle(s, "single.statements"), "{:.1f}"),
    ("statements to run", lambda s: cycle(s, "drain.statements"), "{:.1f}"),
    ("round trips to run", lambda s: cycle(s, "drain.round_trips"), "{:.1f}"),
    ("WAL, kB/task", lambda s: _kilo(wal(s)), "{:.1f}"),
    ("enqueue, tasks/s", lambda s: cycle(s, "single.rate"), "{:.0f}"),
    ("bulk, tasks/s", lambda s: cycle(s, "bulk.rate"), "{:.0f}"),
    ("memory (PSS), MiB", lambda s: cycle(s, "drain.pss_mib"), "{:.0f}"),
]
LATENCIES: list[tuple[str, Callable[[str], Figure], str]] = [
    ("idle p50, ms", lambda s: of(s, "latency", "alone.p50"), "{:.1f}"),
    ("idle p99, ms", lambda s: of(s, "latency", "alone.p99"), "{:.1f}"),
    ("under load p50, ms", lambda s: of(s, "latency", "loaded.p50"), "{:.1f}"),
    ("under load p99, ms", lambda s: of(s, "latency", "loaded.p99"), "{:.1f}"),
    ("idle: statements/s", lambda s: of(s, "latency", "idle.statements"), "{:.1f}"),
    ("idle: % of a core", lambda s: _percent(of(s, "latency", "idle.core")), "{:.1f}"),
]
GROWTH: list[tuple[str, Callable[[str], Figure], str]] = [
    ("drain, tasks/s", lambda s: cycle(s, "drain.rate", True), "{:.0f}"),
    ("enqueue, tasks/s", lambda s: cycle(s, "single.rate", True), "{:.0f}"),
    ("CPU, ms/task", lambda s: cycle(s, "drain.cpu_ms", True), "{:.2f}"),
    ("WAL, kB/task", lambda s: _kilo(wal(s, True)), "{:.1f}"),
]


def _scaled(figure: Figure, factor: float) -> Figure:
    def scaled(records: Records) -> float | None:
        value = figure(records)
        return None if value is None else value * factor

    return scaled


def _kilo(figure: Figure) -> Figure:
    return _scaled(figure, 0.001)


def _percent(figure: Figure) -> Figure:
    return _scaled(figure, 100)


def write(files: list[Path]) -> None:
    """Write tables and plot of what was measured, and print the tables."""
    records = Records(files)
    folder = places.RESULTS if records.machine["sizes"]["quick"] else DOCS
    found = {record["figure"] for record in records.all} - {"machine"}
    if found - OWN.keys():
        _write(folder / "figures.inc", "\n".join([*_sections(records), *_foot(records)]))
        (folder / "figures.svg").write_text(plot.draw(records))
    for figure in found & OWN.keys():
        _write(folder / f"{figure}.inc", "\n".join(OWN[figure](records)))
    for failure in records.failures:
        print(f"FAILED: {failure['figure']} {failure.get('system')}: {failure['error']}")


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n")
    print(f"{text}\n\nWritten: {path.relative_to(places.ROOT)}")


def _sections(records: Records) -> list[str]:
    history = f"{records.machine['sizes']['history']:,}"
    return [
        *table("Ratios, and what they have to be", target_rows(records, TARGETS)),
        *table("Medians", _system_rows(records, COLUMNS)),
        *table("Latency, and workers that do nothing", _system_rows(records, LATENCIES)),
        *table(f"Over {history} finished rows", _system_rows(records, GROWTH)),
    ]


def _system_rows(
    records: Records, columns: list[tuple[str, Callable[[str], Figure], str]]
) -> list[list[str]]:
    rows = [["system", *(heading for heading, _, _ in columns)]]
    for name, system in SYSTEMS.items():
        values = [(figure(name)(records), form) for _, figure, form in columns]
        if any(value is not None for value, _ in values):
            cells = ["—" if value is None else form.format(value) for value, form in values]
            rows.append([system.label, *cells])
    return rows


def _foot(records: Records) -> list[str]:
    sizes, (first, second) = records.machine["sizes"], plot.foot(records)
    rounds = {
        what: len(list(records.values("boogie_alone", figure, path, **about)))
        for what, figure, path, about in (
            ("cycle", "cycle", "drain.rate", {"grown": False}),
            ("grown", "cycle", "drain.rate", {"grown": True}),
            ("latency", "latency", "alone.p50", {}),
        )
    }
    measured = (
        f"Medians of interleaved rounds: {rounds['cycle']} of {sizes['single']:,} tasks enqueued"
        f" one by one and {sizes['bulk']:,} together, {rounds['grown']} over the long history,"
        f" {rounds['latency']} of the latency. Memory over {sizes['many']:,} tasks."
    )
    if sizes["quick"]:
        measured += " A quick run, to see that everything works: its figures mean little."
    counts = {
        what: records.median("boogie_alone", "instructions", what)
        for what in ("enqueue", "run", "unique")
    }
    lines = [measured, "", first + ".", "", second + ".", "", _foreign(records)]
    if together := _together(records):
        lines += ["", together]
    if counts["run"] and counts["enqueue"]:
        lines += ["", "Machine instructions on SQLite, counted by callgrind: "]
        lines[-1] += f"{counts['enqueue'] / 1e6:.2f} million to enqueue a row, "
        lines[-1] += f"{counts['run'] / 1e6:.2f} million to run it."
    if counts["unique"]:
        lines[-1] += f" To enqueue one of a unique task takes {counts['unique'] / 1e6:.2f} million."
    return lines


def _together(records: Records) -> str:
    """Say what many producers do while workers wait, or not."""
    rates = [
        records.median("boogie_alone", "producers", "rate", waiting=who)
        for who in contention.WAITING
    ]
    if None in rates:
        return ""
    nobody, busy, always = (f"{rate:.0f}" for rate in rates)
    return (
        f"{contention.PRODUCERS} processes that enqueue at once on ``boogie://`` make {nobody} rows"
        f" a second while no worker runs, {busy} beside busy workers, and {always} if each row"
        " has to be announced."
    )


def _foreign(records: Records) -> str:
    """Say how busy others kept the machine."""
    cycles = [record for record in records.all if record["figure"] == "cycle"]
    loads = sorted(r["drain"]["foreign_cores"] for r in cycles if "drain" in r)
    if not loads:
        return "No cycle was measured."
    middle, most = loads[len(loads) // 2], loads[-1]
    return f"Others kept {middle:.2f} cores busy meanwhile (median; {most:.2f} at most)."
