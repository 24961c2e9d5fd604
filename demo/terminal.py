"""What the demo writes on the terminal, with nothing but the standard library."""

import sys
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

WIDTH = 30

#: Lines that are written in all where there is no terminal to draw a bar on.
LINES = 10


class Stopped(Exception):
    """The demo cannot go on; the text says why, to somebody who has not read its code."""


def say(text: str = "") -> None:
    """Write a line, at once even where the output is a file or a pipe."""
    print(text, flush=True)


class Progress:
    """A bar that is drawn over itself; plain lines where the output is not a terminal."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._start = time.monotonic()
        self._first: int | None = None
        self._drawn = 0
        self._lines = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._drawn:
            say()

    @property
    def seconds(self) -> float:
        """How long the work has taken so far."""
        return time.monotonic() - self._start

    def show(self, done: int, note: str = "") -> None:
        """Show that ``done`` of the total are over."""
        share = done / self.total if self.total else 1.0
        rate = self._since_first(done) / max(self.seconds, 0.001)
        text = "  ".join(filter(None, [f"{done} of {self.total}", rate and f"{rate:.0f}/s", note]))
        if sys.stdout.isatty():
            self._draw(f"  {_bar(share)} {share:4.0%}  {text}")
        elif (lines := done * LINES // max(self.total, 1)) > self._lines:
            self._lines = lines
            say(f"  {share:4.0%}  {text}")

    def _since_first(self, done: int) -> int:
        """Return how much is over since the bar was first shown."""
        if self._first is None:
            self._first = done
        return done - self._first

    def _draw(self, line: str) -> None:
        """Draw over the line before, which may have been longer."""
        print(f"\r{line:<{self._drawn}}", end="", flush=True)
        self._drawn = len(line)


def _bar(share: float) -> str:
    full = int(share * WIDTH)
    return f"[{'#' * full}{'.' * (WIDTH - full)}]"


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an aligned table; columns that start with a number stand to the right."""
    cells = [[str(cell) for cell in row] for row in rows]
    every = [list(header), *cells]
    widths = [max(len(line[column]) for line in every) for column in range(len(header))]
    right = [bool(cells) and cells[0][column][:1].isdigit() for column in range(len(header))]
    return "\n".join(f"  {_line(line, widths, right)}".rstrip() for line in every)


def _line(cells: list[str], widths: list[int], right: list[bool]) -> str:
    aligned = (
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(cells, widths, right, strict=True)
    )
    return "  ".join(aligned)


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 1:
        return f"{seconds * 1000:.1f} ms"
    return f"{seconds:.2f} s"
