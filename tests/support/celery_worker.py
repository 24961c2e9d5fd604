"""A stock Celery worker in a process of its own."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support.processes import Process
from tests.support.waiting import wait_until


class CeleryWorker(Process):
    """One ``celery worker`` of ``app``; ``python`` are options of the interpreter."""

    def __init__(
        self,
        log: Path,
        env: Mapping[str, str],
        *options: str,
        app: str,
        pool: str = "prefork",
        python: Sequence[str] = (),
    ) -> None:
        command = [
            *(sys.executable, *python, "-m", "celery", "-A", app, "worker"),
            # Workers of others may be on the same broker.
            *("-P", pool, "-l", "INFO", "--without-mingle", "--without-gossip", *options),
        ]
        super().__init__(command, log, env)

    def has_started(self) -> bool:
        """Return whether it consumes; raise if it has ended."""
        self.check()
        return " ready." in self.log

    def until_ready(self) -> Self:
        """Wait until it consumes."""
        wait_until(self.has_started, self.patience, what=f"the worker of {self.path} is ready")
        return self

    def until_logged(self, text: str) -> None:
        """Wait until it has written ``text``."""
        wait_until(lambda: text in self.log, self.patience, what=f"{text!r} in {self.path}")
