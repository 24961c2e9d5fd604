"""
``python -m bench``: measure, then write the table and the plot.

Rounds are interleaved (A B C, A B C), so that a machine that others use too does
them all the same wrong. Every measurement is a line of JSON in ``bench/results/``.
"""

import argparse
import functools
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from bench import (
    contention,
    cycle,
    instructions,
    latency,
    limits,
    machine,
    memory,
    places,
    running,
    servers,
    together,
    waiting,
)
from bench.reporting import report
from bench.systems import SYSTEMS, System

#: Figures of what nobody else has, by the modules that measure them.
OF_BOOGIE = {"limits": limits, "together": together, "waiting": waiting}
FIGURES = ("cycle", "growth", "latency", "producers", "memory", "instructions", *OF_BOOGIE)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, help="3, or 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it runs")
    parser.add_argument("--figures", nargs="*", default=FIGURES, choices=FIGURES)
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS), choices=list(SYSTEMS))
    parser.add_argument("--single", type=int, help="tasks of a cycle that are enqueued one by one")
    parser.add_argument("--bulk", type=int, help="tasks of a cycle that are enqueued together")
    parser.add_argument("--history", type=int, help="finished rows of the growth figure")
    parser.add_argument("--many", type=int, help="tasks of the memory figure")
    parser.add_argument("--report", type=Path, nargs="*", help="only report on these results")
    options = parser.parse_args()
    full = {"rounds": 3, "single": 2000, "bulk": 3000, "history": 1_000_000, "many": 100_000}
    quick = {"rounds": 1, "single": 300, "bulk": 500, "history": 20_000, "many": 3000}
    for name, value in (quick if options.quick else full).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    return options


class Run:
    """One run of the benchmark; its records go to a file as they come."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.systems = [SYSTEMS[name] for name in options.systems]
        places.RESULTS.mkdir(exist_ok=True)
        self.file = places.RESULTS / time.strftime("%Y%m%d-%H%M%S.jsonl")
        sizes = {name: getattr(options, name) for name in ("rounds", "single", "bulk", "many")}
        sizes |= {"history": options.history, "quick": options.quick}
        self.write({"figure": "machine", **machine.describe(), "sizes": sizes})

    def write(self, record: dict[str, Any]) -> None:
        with self.file.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def record(self, figure: str, system: System, measure: Callable[[], Any], **about: Any) -> None:
        """Measure and write; a system that fails does not end the others' run."""
        try:
            result = measure()
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}"}
        self.write({"figure": figure, "system": system.name, **about, **result})
        print(f"{figure:12} {system.name:14} {about} {brief(result)}", flush=True)

    def all(self) -> None:
        figures = self.options.figures
        self.prepare(figures)
        if "cycle" in figures or "growth" in figures:
            self.cycles("growth" in figures)
        if "latency" in figures:
            self.latencies()
        if "producers" in figures:
            self.producers()
        if "memory" in figures:
            self.memories()
        if "instructions" in figures and instructions.are_available():
            self.record("instructions", SYSTEMS["boogie_alone"], instructions.measure_all)
        if SYSTEMS["boogie_alone"] in self.systems:
            for figure in figures:
                if figure in OF_BOOGIE:
                    self.ours(figure)

    def prepare(self, figures: Iterable[str]) -> None:
        """Make the databases; some figures have systems of their own, whatever else is measured."""
        needed = list(self.systems)
        if "limits" in figures:
            needed += [SYSTEMS[name] for name in limits.SYSTEMS_OF_HANDOVER]
        if "waiting" in figures:
            needed += [SYSTEMS[name] for name in waiting.SYSTEMS_OF_WAITING]
        for system in dict.fromkeys(needed):
            running.prepare(system)

    def cycles(self, with_growth: bool) -> None:
        """Run cycles; each over a long history right after the one over an empty table."""
        systems = [system for system in self.systems if not system.on_sqlite]
        if with_growth:
            for system in with_history(systems):
                running.grow(system, self.options.history)
        for number in range(self.options.rounds):
            for system in systems:
                for grown in (False, True) if with_growth and system.history else (False,):
                    measure = functools.partial(
                        cycle.measure, system, self.options.single, self.options.bulk, grown
                    )
                    self.record("cycle", system, measure, round=number + 1, grown=grown)

    def latencies(self) -> None:
        share = 0.15 if self.options.quick else 1.0
        for number in range(self.options.rounds):
            for system in self.systems:
                measure = functools.partial(latency.measure, system, share)
                self.record("latency", system, measure, round=number + 1)

    def producers(self) -> None:
        system = SYSTEMS["boogie_alone"]
        if system in self.systems:
            each = 100 if self.options.quick else 1000
            for number in range(self.options.rounds):
                for who in contention.WAITING:
                    measure = functools.partial(contention.measure, system, who, each)
                    self.record("producers", system, measure, round=number + 1, waiting=who)

    def memories(self) -> None:
        for system in self.systems:
            if system.name in memory.OF:
                measure = functools.partial(memory.measure, system, memory.FEW, self.options.many)
                self.record("memory", system, measure)

    def ours(self, figure: str) -> None:
        """Measure what nobody else has, in parts."""
        module: Any = OF_BOOGIE[figure]
        sizes = module.QUICK if self.options.quick else module.Sizes()
        for number in range(self.options.rounds):
            for part, system, measure in module.parts(sizes):
                self.record(figure, system, measure, part=part, round=number + 1)


def with_history(systems: Iterable[System]) -> list[System]:
    return [system for system in systems if system.history]


def brief(result: dict[str, Any]) -> str:
    """Return a record's numbers on one line."""
    parts = []
    for key, value in result.items():
        if isinstance(value, dict):
            parts.append(f"{key}({brief(value)})")
        elif isinstance(value, float):
            parts.append(f"{key} {value:.4g}")
        elif value is not None:
            parts.append(f"{key} {value}")
    return " ".join(parts)


def main() -> None:
    options = parse()
    if options.report is not None:
        report.write(options.report or [max(places.RESULTS.glob("*.jsonl"))])
        return
    run = Run(options)
    with servers.running():
        run.all()
    report.write([run.file])


if __name__ == "__main__":
    main()
