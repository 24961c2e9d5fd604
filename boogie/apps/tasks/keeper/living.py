"""
The thread that touches the heartbeat file of a worker.

It asks no database, and waits for nobody who does: in an outage the file stays fresh.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from boogie.apps.tasks.monitoring import heartbeat_file

logger = logging.getLogger(__name__)

#: Seconds between two touches; and between two complaints about a file that cannot be written.
TOUCH_EVERY, COMPLAIN_EVERY = 1.0, 60.0


class Living:
    """
    Touches ``path`` for the process ``pid`` as long as ``is_well`` says so.

    A process that is stopped touches nothing: its threads stand still as well.
    """

    def __init__(self, path: Path, pid: int, is_well: Callable[[], bool]) -> None:
        self.path, self.pid, self.is_well = path, pid, is_well
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_complaint = 0.0

    def begin(self) -> None:
        """Begin to touch the file, if that has not begun."""
        if self._thread is None or not self._thread.is_alive():
            self._stopped = threading.Event()
            self._thread = threading.Thread(target=self._go_on, name="boogie-living", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """End the thread; the file stays."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def touch(self, how: Callable[[Path, int], None] = heartbeat_file.touch) -> None:
        """Touch the file; a worker goes on without one that cannot be written, and says so."""
        try:
            how(self.path, self.pid)
        except OSError as error:
            if time.monotonic() >= self._next_complaint:
                self._next_complaint = time.monotonic() + COMPLAIN_EVERY
                logger.error(
                    "The heartbeat file %s cannot be written (%s): probes take this worker for "
                    "dead. Make its directory writable, or change BOOGIE_TASKS['HEARTBEAT_FILE']",
                    self.path,
                    error,
                )

    def _go_on(self) -> None:
        while True:
            if self.is_well():
                self.touch()
            if self._stopped.wait(TOUCH_EVERY):
                return
