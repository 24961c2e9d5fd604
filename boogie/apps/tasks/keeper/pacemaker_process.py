"""
The main program of a process that beats for a worker whose own threads are held up.

One runs beside each worker that runs bodies in its main process, which writes a
byte to its stdin whenever it has beaten by itself. If none comes for a while,
this process says in the worker's place that it is alive. It ends with the
worker, however that ends.

No app is installed here: but for their database engine, nothing of users' code
is imported. The worker's row is changed, never made.
"""

import importlib
import logging
import os
import pickle
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import Error, connection, models

from boogie.apps.tasks.db.connections import without_pool
from boogie.apps.tasks.db.moments import MomentField
from boogie.apps.tasks.keeper import signs

logger = logging.getLogger("boogie.pacemaker")

STDIN = 0
#: A worker that was not heard for so many heartbeats is beaten for.
PATIENCE = 1.5


class Parent:
    """The worker as it is seen from here: its beats, its end, and whether it may run."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._heard = threading.Event()
        threading.Thread(target=self._listen, name="boogie-listener", daemon=True).start()

    def _listen(self) -> None:
        # Not through a buffer: at an error the main thread would wait for the lock of that.
        while os.read(STDIN, 1024):
            self._heard.set()
        # At once, whatever the database makes the main thread wait for.
        os._exit(0)

    def beat_within(self, seconds: float) -> bool:
        """Wait ``seconds`` for a beat of the worker's own; return whether one came."""
        heard = self._heard.wait(seconds)
        self._heard.clear()
        return heard

    def has_gone(self) -> bool:
        """Return whether it has died: what a body forked may hold on to our stdin for longer."""
        return os.getppid() != self.pid

    def is_stopped(self) -> bool:
        """Return whether it was stopped by a signal, or a debugger; ``False`` without ``/proc``."""
        with suppress(OSError):
            status = Path(f"/proc/{self.pid}/stat").read_text(errors="replace")
            return status.rpartition(")")[2].split()[0] in "Tt"
        return False


def main() -> None:
    """Beat for the parent process, as it says on stdin."""
    # A terminal's Ctrl-C, and a service manager's SIGTERM, are for the worker. It may wait long
    # for its bodies then.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    logging.basicConfig(format="[%(asctime)s: %(levelname)s/pacemaker] %(message)s")
    try:
        with open(STDIN, "rb", buffering=0, closefd=False) as stdin:
            orders = pickle.load(stdin)
    except EOFError:
        return
    parent = Parent(orders["pid"])
    if orders["file"] is not None:
        show_life(parent, orders["file"])
    pace(parent, row_of(orders), orders["heartbeat"], orders["gap"])


def show_life(parent: Parent, file: Path) -> None:
    """Touch the heartbeat file of the worker in a thread: the main one waits for the database."""
    from boogie.apps.tasks.keeper.living import Living

    Living(file, parent.pid, lambda: not parent.is_stopped() and not parent.has_gone()).begin()


def pace(parent: Parent, row: Any, heartbeat: float, gap: float) -> None:
    """Beat for a worker whenever it does not, as long as it lives."""
    # The first beat is a trial: what can never succeed ends this process, and the worker says so.
    patience = 0.0
    while not parent.has_gone():
        if parent.beat_within(patience):
            connection.close()
            patience = heartbeat * PATIENCE
        else:
            beat(parent, row, gap)
            patience = heartbeat


def beat(parent: Parent, row: Any, gap: float) -> None:
    """Say that the worker is alive, if it may run; the database may be away."""
    try:
        connection.ensure_connection()
        # Connecting may have taken long.
        if not parent.is_stopped() and not parent.has_gone():
            row.update(**signs.of_life(gap))
    except Error as error:
        logger.warning("The pacemaker cannot reach the database, it tries again: %s", error)
        connection.close()


def row_of(orders: dict[str, Any]) -> Any:
    """Connect Django to the worker's database; return the queryset of the worker's row."""
    if orders["driver"] is not None:
        name, version = orders["driver"]
        driver: Any = importlib.import_module(name)
        driver.version_info = version
        sys.modules["MySQLdb"] = driver
    # One connection is enough.
    settings.configure(
        DATABASES={"default": without_pool(orders["database"])},
        USE_TZ=orders["use_tz"],
        TIME_ZONE=orders["time_zone"],
    )
    apps.populate(())

    class Row(models.Model):  # noqa: DJ008 - nobody looks at it
        id = models.CharField(primary_key=True, max_length=255)
        seen = MomentField()
        steady = MomentField()

        class Meta:
            app_label = "boogie_pacemaker"
            db_table = orders["table"]
            managed = False

    return models.QuerySet(Row).filter(pk=orders["worker"])


if __name__ == "__main__":
    main()
