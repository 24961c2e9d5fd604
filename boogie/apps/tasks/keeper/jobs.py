"""
Work for threads of the keeper that an event loop, or the heartbeat, must not wait for.

Users' hooks and receivers may be called in it, and take long.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import connections

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.connections import leave_pools

from .step import REFUSED, guarded

logger = logging.getLogger(__name__)

#: Seconds after which a job is tried again that the database refused.
AGAIN_AFTER = 0.5


@dataclass(frozen=True)
class Job:
    """Something to be done once, and again as long as the database is away."""

    do: Callable[[], Any]
    given_up: float = field(default_factory=lambda: time.monotonic() + conf.SETTLE_TIMEOUT)


_jobs: "queue.SimpleQueue[Job | None]" = queue.SimpleQueue()
#: Threads that do one.
_at_work: set[int] = set()


def submit(job: Callable[..., Any], *args: Any) -> None:
    """Have a thread of the keeper call ``job(*args)`` soon; the caller may be an event loop."""
    _jobs.put(Job(partial(job, *args)))


def work(stopped: threading.Event) -> None:
    """Do jobs as they come, until told to stop. Whatever one raises, the next is done."""
    try:
        while not stopped.is_set():
            if (job := _jobs.get()) is not None:
                _do_or_tell(job)
    finally:
        connections.close_all()


def _do_or_tell(job: Job) -> None:
    try:
        result = _does(job)
        leave_pools()
        if result is REFUSED:
            _put_off(job)
    except BaseException:
        logger.critical("A thread of the keeper broke off at %r", job.do, exc_info=True)


def at_work() -> bool:
    """Return whether a thread does a job now; one that was put off waits."""
    return bool(_at_work)


def _does(job: Job) -> Any:
    me = threading.get_ident()
    _at_work.add(me)
    try:
        return guarded(job.do)
    finally:
        _at_work.discard(me)


def _put_off(job: Job) -> None:
    """Have a job done later: it may have been the connection, or the database is away."""
    if time.monotonic() < job.given_up:
        time.sleep(AGAIN_AFTER)
        _jobs.put(job)
    else:
        logger.error("The keeper gives up %r: the database has refused it for too long", job.do)


def stop(stopped: threading.Event, threads: int) -> None:
    """Have so many threads that work until ``stopped`` end, after what they do now."""
    stopped.set()
    for _ in range(threads):
        _jobs.put(None)  # for one that waits; who is not meant goes on


def finish() -> None:
    """Do the jobs that wait, in the thread of the caller."""
    while True:
        try:
            job = _jobs.get_nowait()
        except queue.Empty:
            return
        if job is not None and guarded(job.do) is REFUSED:
            logger.error("The keeper gives up %r at its end: the database has refused it", job.do)
