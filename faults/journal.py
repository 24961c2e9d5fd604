"""
What bodies did: lines in a file that every process appends to, outside any database.

A line is ``nanoseconds kind row attempt pid``. The time is ``CLOCK_MONOTONIC``,
which all processes of one host share and which no clock skew touches. Kinds:
``start`` and ``end`` of a body, ``death`` of a process, and those of ``lab.injections``.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "FAULTS_JOURNAL"


@dataclass(frozen=True)
class Event:
    """One line."""

    ns: int
    kind: str
    row: str
    attempt: int
    pid: int


def note(
    kind: str, row: object = "-", attempt: int = 0, pid: int | None = None, ns: int | None = None
) -> int:
    """Append a line; return its time, which is ``ns`` or now."""
    now = time.monotonic_ns() if ns is None else ns
    line = f"{now} {kind} {row} {attempt} {pid or os.getpid()}\n"
    # One write() to a file opened with O_APPEND is never mixed with another.
    file = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)
    return now


@contextlib.contextmanager
def body(row: object, attempt: int) -> Iterator[None]:
    """Note the start and the end of a body, however it ends."""
    note("start", row, attempt)
    try:
        yield
    finally:
        note("end", row, attempt)


def read(path: Path) -> list[Event]:
    """Return all lines so far, in the order of their times."""
    return sorted(read_from(path, 0)[0], key=lambda event: event.ns)


def read_from(path: Path, offset: int) -> tuple[list[Event], int]:
    """Return the lines after ``offset`` as they come, and the offset after them."""
    if not path.exists():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        text = file.read()
    lines = text[: text.rfind(b"\n") + 1]  # a last line without its end is being written
    return [_parse(line) for line in lines.decode().splitlines()], offset + len(lines)


def _parse(line: str) -> Event:
    ns, kind, row, attempt, pid = line.split(" ")
    return Event(int(ns), kind, row, int(attempt), int(pid))
