"""
Database connections of a worker: kept after a task that ended well, as Django has it.
"""

from typing import Any

from celery import Celery, signals
from django.core.cache import close_caches

from boogie.apps.tasks import identity, registry
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db import connections
from boogie.apps.tasks.db.lending import bodies
from boogie.apps.tasks.execution import around

#: Pools whose bodies share one process.
POOLS = ("celery.concurrency.thread", "celery.concurrency.gevent", "celery.concurrency.eventlet")


def reuse_connections(app: Celery) -> None:
    """
    Keep database connections after a Boogie task that ended well, as Django does after a request.

    Celery's fixup for Django closes them around every task, whatever
    ``CONN_MAX_AGE`` says. Other tasks keep that behaviour.
    """
    # Not ``app.fixups``: that has their names.
    for fixup in app._fixups:  # type: ignore[attr-defined]
        inner = getattr(fixup, "worker_fixup", None)
        if inner is not None:
            signals.task_prerun.disconnect(inner.on_task_prerun)
            signals.task_postrun.disconnect(inner.on_task_postrun)
            _fixups[id(inner)] = inner
    signals.task_prerun.connect(_close_before, weak=False, dispatch_uid="boogie_tasks.close_before")
    signals.task_postrun.connect(_close_after, weak=False, dispatch_uid=around.GIVE_BACK)


_fixups: dict[int, Any] = {}


def _close_before(sender: Any, **extra: Any) -> None:
    if not registry.is_ours(sender):
        for fixup in _fixups.values():
            fixup.on_task_prerun(sender, **extra)


def _close_after(sender: Any, state: str | None = None, **extra: Any) -> None:
    if not registry.is_ours(sender):
        for fixup in _fixups.values():
            fixup.on_task_postrun(sender, state=state, **extra)
    elif not sender.request.is_eager:
        leave_connections(clean=state in ("SUCCESS", "IGNORED"))


def leave_connections(clean: bool) -> None:
    """
    Keep connections as Django would after a request; close them after a run that raised.

    Those of a greenlet, too: it ends with its run, and each has its own. What was borrowed is
    given back.
    """
    bodies.end(clean)
    if clean and not identity.has_greenlets():
        connections.renew_connections()
    else:
        connections.close_connections()
    close_caches()


def lend_connections(worker: Any) -> None:
    """Have bodies share few connections, if more of them may wait than there are to be."""
    limit = conf.WORKER_CONNECTIONS
    is_many = identity.has_greenlets() or (worker.concurrency or 0) > limit
    if limit and is_many and type(worker.pool).__module__ in POOLS:
        bodies.start(limit)
