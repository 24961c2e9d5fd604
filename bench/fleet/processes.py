"""Processes of the fleet: forked of this one, which has Django and Celery already."""

import gc
import multiprocessing
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connections

forking = multiprocessing.get_context("fork")

#: Seconds in which processes have to begin.
PATIENCE = 120.0


def begin(processes: Sequence[Any]) -> None:
    """Begin processes: each is to make its own connections, and shares what is in memory by now."""
    connections.close_all()
    gc.freeze()
    for process in processes:
        process.start()


def check(processes: Sequence[Any]) -> None:
    """Raise if a process has ended that was to live on."""
    ended = [process.exitcode for process in processes if not process.is_alive()]
    if ended:
        raise RuntimeError(f"{len(ended)} processes of the fleet have ended: {ended}")


def in_a_child(job: Callable[[], Any]) -> Any:
    """Have a process of its own do something; return what that returned."""
    ours, theirs = forking.Pipe(duplex=False)

    def do() -> None:
        theirs.send(job())

    process = forking.Process(target=do)
    begin([process])
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        raise RuntimeError("a process of the fleet has failed") from None
    finally:
        process.join()
