"""
The process that beats where the worker itself cannot: starting it, feeding it, ending it.
"""

import logging
import os
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db import features
from boogie.apps.tasks.models import Worker
from boogie.apps.tasks.models.stored import primary

from . import pacemaker_process, signs

logger = logging.getLogger(__name__)

#: Seconds between two starts of a pacemaker that does not live.
START_EVERY = 60.0

#: Seconds that a pacemaker gets to end by itself.
END_WITHIN = 10.0


def can_be_shared() -> bool:
    """Return whether other processes see the worker's row: not with SQLite in memory."""
    return features.is_shared(connections[primary(Worker)])


class Pacemaker:
    """
    A process beside a worker whose bodies run in its main process.

    A body that holds the GIL for long, or the CPU in a pool of greenlets, holds
    up the keeper's thread, too: its worker would be taken for dead, and its row
    run again. The process beats in that time; see ``pacemaker_process.py``.
    """

    #: The heartbeat file of the worker, if it has one: a body may hold up that thread as well.
    file: Path | None = None

    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        self._process: subprocess.Popen[bytes] | None = None
        self._next_start = 0.0

    def note_beat(self) -> bool:
        """
        Tell the process that the worker has beaten by itself; start it if it does not live.

        Return whether it lives.
        """
        try:
            if self._process is not None:
                _write(self._process, b".")
            elif time.monotonic() >= self._next_start:
                self._start()
        except Exception as error:  # whatever cannot be pickled or started
            self._next_start = time.monotonic() + START_EVERY
            self.stop()
            logger.warning(
                "%s has no pacemaker (%s: %s), the next try is in %.0f s. Until then a body that "
                "keeps this process busy for %.0f s is taken for lost and run again elsewhere",
                self.worker_id,
                type(error).__name__,
                error,
                START_EVERY,
                conf.WORKER_TIMEOUT,
            )
        return self._process is not None

    def stop(self) -> None:
        """End the process, and wait for it."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(timeout=END_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self) -> None:
        orders = pickle.dumps(self._orders())
        self._process = subprocess.Popen(
            # -P: modules are looked for where this process looks, and nowhere else.
            [sys.executable, "-P", "-m", pacemaker_process.__name__],
            bufsize=0,
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sys.path))},
            # A terminal's signals, and those for the group of the worker, are not for it.
            process_group=0,
        )
        _write(self._process, orders)

    def _orders(self) -> dict[str, Any]:
        """Return what the process has to know. Not on its command line: there are passwords."""
        return {
            "worker": self.worker_id,
            "pid": os.getpid(),
            "heartbeat": conf.HEARTBEAT,
            "gap": signs.longest_gap(),
            "table": Worker._meta.db_table,
            "database": connections[primary(Worker)].settings_dict,
            "use_tz": settings.USE_TZ,
            "time_zone": settings.TIME_ZONE,
            "driver": _stand_in(),
            "file": self.file,
        }


def _write(process: "subprocess.Popen[bytes]", data: bytes) -> None:
    stdin: Any = process.stdin
    try:
        stdin.write(data)
    except BrokenPipeError:
        raise ChildProcessError(f"it ended with {process.wait()}") from None


def _stand_in() -> tuple[str, Any] | None:
    """Return what stands in place of ``MySQLdb``: after ``pymysql.install_as_MySQLdb()`` that."""
    driver: Any = sys.modules.get("MySQLdb")
    if driver is None or driver.__name__ == "MySQLdb":
        return None
    return driver.__name__, driver.version_info
