"""
Work for a thread of the keeper that an event loop must not wait for.

Users' hooks may be called in it, and take long.
"""

import queue
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connections

from .step import guarded

_jobs: "queue.SimpleQueue[Callable[[], Any] | None]" = queue.SimpleQueue()


def submit(job: Callable[..., Any], *args: Any) -> None:
    """Have a thread of the keeper call ``job(*args)`` soon; the caller may be an event loop."""
    _jobs.put(partial(job, *args))


def work() -> None:
    """Do jobs as they come, until told to stop."""
    try:
        while (job := _jobs.get()) is not None:
            guarded(job)
    finally:
        connections.close_all()


def stop() -> None:
    """Have the thread that works stop after the jobs before this call."""
    _jobs.put(None)


def finish() -> None:
    """Do the jobs that wait, in the thread of the caller."""
    while not _jobs.empty():
        job = _jobs.get()
        if job is not None:
            guarded(job)
