"""
A bar in a terminal, for who calls a function by hand.
"""

import time
from typing import Any, TextIO

#: Characters of a bar, and seconds between two looks of it.
WIDTH, DRAW_EVERY = 30, 0.1


class Bar:
    """A line that is drawn over and over; nothing where nobody looks."""

    def __init__(self, stream: TextIO | None, total: float | None, note: str) -> None:
        self._stream = stream if stream is not None and stream.isatty() else None
        self._total = total
        self._note = f"{note}  " if note else ""
        self._next = 0.0

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: Any) -> None:
        if self._stream is not None:
            self._stream.write("\n")
            self._stream.flush()

    def draw(self, done: float) -> None:
        """Show that so many are done."""
        is_last = done == self._total
        if self._stream is None or not (is_last or time.monotonic() >= self._next):
            return
        self._next = time.monotonic() + DRAW_EVERY
        self._stream.write(f"\r{self._note}{self._shown(done)}")
        self._stream.flush()

    def _shown(self, done: float) -> str:
        if not self._total:
            return f"{done:g}"
        part = min(1.0, done / self._total)
        filled = int(WIDTH * part)
        return f"[{'#' * filled}{'.' * (WIDTH - filled)}] {done:g}/{self._total:g} {part:4.0%}"
