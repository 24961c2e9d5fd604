"""
What a body logs, kept with its row.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from boogie.apps.tasks import loops
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.kinds import LEVELS
from boogie.apps.tasks.lifecycle import history
from boogie.apps.tasks.serialization import secrets

from . import reporter

#: The logger of runs: each begins and ends with a record of it.
OWN = "boogie.apps.tasks"

#: Characters that are kept of one record.
MAX_MESSAGE = 5000


def level_of(task: Any) -> str | None:
    """Return the level from which on a task's rows keep what is logged; ``None``: nothing."""
    own = task.log
    return own if isinstance(own, str) and own in LEVELS else conf.KEEP_LOG


@contextmanager
def kept(mine: reporter.Reporter, level: str) -> Iterator[None]:
    """Keep what is logged within, from ``level`` on, with a row."""
    mine.keeps = logging.getLevelNamesMapping()[level]
    with _heard(mine.keeps):
        yield


class _Handler(logging.Handler):
    """Gives each record to the run that it comes from."""

    def emit(self, record: logging.LogRecord) -> None:
        mine = reporter.current()
        if mine is None or mine.writer == threading.get_ident():
            return
        if mine.keeps is None or record.levelno < mine.keeps or record.name == OWN:
            return  # that one runs is said by its row; those are of a call() within a body
        try:
            mine.record(_entry(record, mine.hidden))
        except Exception:  # whatever a record cannot be made text of
            self.handleError(record)
        if mine.is_due:
            mine.write_from_loop() if loops.is_running() else mine.write()


_format = logging.Formatter()


def _entry(record: logging.LogRecord, hidden: tuple[str, ...]) -> dict[str, Any]:
    message = record.getMessage()
    if record.exc_info and record.exc_info[0] is not None:
        message = f"{message}\n{_format.formatException(record.exc_info)}"
    return {
        "at": datetime.fromtimestamp(record.created, UTC),
        "level": record.levelname,
        "logger": record.name,
        "message": history.fit(secrets.masked(message, hidden), MAX_MESSAGE),
    }


# --- hearing --------------------------------------------------------------------------

_handler = _Handler()
_lock = threading.Lock()
#: Levels of the runs that keep their log now; and what was before the first of them.
_levels: list[int] = []
_before: list[tuple[logging.Handler, int]] = []
_root_level = logging.WARNING


@contextmanager
def _heard(level: int) -> Iterator[None]:
    """
    Have loggers make records from ``level`` on, within.

    Most have the level of the root logger. It is lowered, and what listens there keeps to the
    level of before, so that nobody else is told more.
    """
    with _lock:
        if not _levels:
            _begin()
        _levels.append(level)
        _adjust()
    try:
        yield
    finally:
        with _lock:
            _levels.remove(level)
            _adjust() if _levels else _end()


def _begin() -> None:
    global _root_level
    root = logging.getLogger()
    _root_level = root.level
    _before[:] = [(handler, handler.level) for handler in root.handlers]
    for handler, level in _before:
        handler.setLevel(max(level, _root_level))
    root.addHandler(_handler)


def _adjust() -> None:
    logging.getLogger().setLevel(min(_root_level, *_levels))


def _end() -> None:
    root = logging.getLogger()
    root.removeHandler(_handler)
    root.setLevel(_root_level)
    for handler, level in _before:
        handler.setLevel(level)
    _before.clear()
