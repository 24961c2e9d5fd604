"""
What Celery's worker has in hand: messages that it has got, and those that a process has begun.
"""

import os
from collections.abc import Callable, Collection
from typing import Any

from celery.worker import state

from boogie.apps.tasks import current_app

#: The pool of this process's worker, and what makes it larger and smaller, if anything does.
_pool: Any = None
_autoscaler: Any = None
#: What tells the queues that the worker consumes from now.
_queues: Callable[[], Collection[str]] = tuple


def note_worker(pool: Any, autoscaler: Any, queues: Callable[[], Collection[str]]) -> None:
    """Take note of whose processes, threads or greenlets begin what is in hand, and its queues."""
    global _pool, _autoscaler, _queues
    _pool, _autoscaler, _queues = pool, autoscaler, queues


# A child begins nothing by itself.
os.register_at_fork(after_in_child=lambda: note_worker(None, None, tuple))


def serves_any(queues: Collection[str]) -> bool:
    """Return whether this process's worker consumes from one of these queues."""
    return not set(queues).isdisjoint(_queues())


def all_of(requests: Any) -> list[Any]:
    """
    Return a set of Celery's requests: each message by itself.

    Not ``state.requests``: that is keyed by the id, and a second message for a row
    that runs here takes the entry away when it has come to nothing.
    """
    # The references are copied at once: the event loop goes on meanwhile.
    return [request for reference in requests.data.copy() if (request := reference()) is not None]


def begun() -> set[str]:
    """Return the ids of what runs."""
    return {request.id for request in all_of(state.active_requests)}


def idle() -> int:
    """
    Return how many more could run at this moment; 0 where there is no worker.

    A pool that ``--autoscale`` makes larger when something waits counts as what it may become.
    """
    most = getattr(_autoscaler, "max_concurrency", None) or 0
    return max(0, max(_size(), most) - len(state.reserved_requests))


def is_full() -> bool:
    """Return whether what comes now has to wait; where there is no worker nothing has to."""
    return _pool is not None and not idle()


def is_busy() -> bool:
    """Return whether nothing more could run; what has been got and not begun has to wait."""
    return _pool is not None and len(state.active_requests) >= _size()


def spread_out() -> list[str]:
    """Return the names of Celery's tasks whose starts this worker spreads out: ``rate_limit``."""
    app = current_app.celery_app()
    if app.conf.worker_disable_rate_limits:
        return []
    return [name for name, task in app.tasks.items() if task.rate_limit]


def _size() -> int:
    """Return how many may run at one time; that of a pool of processes goes when it is stopped."""
    inside = getattr(_pool, "_pool", None)
    # Pools of processes have a semaphore. (Who only enqueues imports this, and no class of a pool.)
    if _pool is None or (inside is None and _pool.uses_semaphore):
        return 0
    # Of greenlets the pool's number is that of those which run, before Celery 5.7.
    return int(getattr(inside, "size", None) or _pool.num_processes)
