"""
Work for a thread of the keeper that an event loop must not wait for.
"""

import logging
import queue
from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import DatabaseError, connections

logger = logging.getLogger(__name__)


FAILED = object()  # what a step comes to that went wrong


_jobs: "queue.SimpleQueue[Callable[[], Any] | None]" = queue.SimpleQueue()


def submit(job: Callable[..., Any], *args: Any) -> None:
    """Have a thread of the keeper call ``job(*args)`` soon; the caller may be an event loop."""
    _jobs.put(partial(job, *args))


def do_jobs() -> None:
    """Do jobs as they come, until one of them says to stop."""
    try:
        while (job := _jobs.get()) is not None:
            guarded(job)
    finally:
        connections.close_all()


def guarded(step: Callable[[], Any]) -> Any:
    """Do a step; the keeper outlives whatever goes wrong in it."""
    try:
        return step()
    except DatabaseError as error:
        logger.warning("The keeper cannot reach the database, it tries again: %s", error)
        connections.close_all()
    except Exception:
        logger.exception("The keeper failed at %r", step)
    return FAILED
