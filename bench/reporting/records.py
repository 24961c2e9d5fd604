"""The records of a run, and medians of them."""

import json
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class Records:
    """Everything that was measured, round by round."""

    def __init__(self, files: Iterable[Path]) -> None:
        lines = [line for file in files for line in file.read_text().splitlines()]
        self.all = [json.loads(line) for line in lines]

    @property
    def machine(self) -> dict[str, Any]:
        """What was measured on, and how much of it."""
        return next(record for record in self.all if record["figure"] == "machine")

    @property
    def failures(self) -> list[dict[str, Any]]:
        return [record for record in self.all if "error" in record]

    def values(self, system: str, figure: str, path: str, **about: Any) -> Iterator[float]:
        """Yield one number of every round, found by its dotted path."""
        for record in self.all:
            if record["figure"] != figure or record.get("system") != system:
                continue
            if any(record.get(key) != value for key, value in about.items()):
                continue
            value: Any = record
            for key in path.split("."):
                value = value.get(key) if isinstance(value, dict) else None
            if value is not None:
                yield value

    def median(self, system: str, figure: str, path: str, **about: Any) -> float | None:
        """Return the median over all rounds, or ``None`` if there is no value."""
        found = list(self.values(system, figure, path, **about))
        return statistics.median(found) if found else None
