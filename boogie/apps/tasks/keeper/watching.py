"""
The thread that looks after rows which wait for limits. A worker without limits has none.
"""

import threading

from django.db import connections

from boogie.apps.tasks.limiting.watch import EVERY, Watch

from .step import guarded, went_wrong


def keep(stopped: threading.Event) -> None:
    """Wake who can go on, until told to end; rates exactly when their time has come."""
    watch = Watch()
    try:
        while not stopped.is_set():
            pause = guarded(watch.look)
            stopped.wait(EVERY if went_wrong(pause) else pause)
    finally:
        connections.close_all()
