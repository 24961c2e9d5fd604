"""
Who this process is: the id of the worker it belongs to, and what its threads are.

The id is set before the pool forks, so that children inherit it; it is read
when a row is claimed. Nothing else may live here.
"""

import os
import socket
import uuid

from kombu.utils.compat import detect_environment

#: Workers of rows that no Celery worker runs begin so: no keeper knows whether they live.
LONER = "process@"
CALLER = f"{LONER}call:"

_worker_id: str | None = None


def new_worker_id(hostname: str) -> str:
    """Return an id for one life of the worker ``hostname``; a restarted worker gets another."""
    return f"{hostname[:200]}/{uuid.uuid4().hex[:12]}"


def node_of(worker: str) -> str:
    """Return the name that Celery has for a worker; the id of a long one has only its beginning."""
    return worker.rpartition("/")[0]


def become_worker(worker_id: str | None) -> None:
    """Say that this process, and what it forks, belongs to the worker ``worker_id``."""
    global _worker_id
    _worker_id = worker_id


def worker_id() -> str:
    """Return the id of this process's worker; outside a worker, one that names the process."""
    return _worker_id or f"{LONER}{socket.gethostname()[:200]}:{os.getpid()}"


def is_worker() -> bool:
    """Return whether this process is a worker, or has one in a thread."""
    return _worker_id is not None


def caller_id() -> str:
    """Return the worker of a row whose ``call()`` runs in this process."""
    return f"{CALLER}{socket.gethostname()[:200]}:{os.getpid()}"


def is_call(worker: str) -> bool:
    """Return whether a row with this ``worker`` is run by a ``call()``."""
    return worker.startswith(CALLER)


def has_greenlets() -> bool:
    """Return whether what this process takes for threads are greenlets, of gevent or eventlet."""
    return bool(detect_environment() != "default")
