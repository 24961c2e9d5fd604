"""
Claiming a row, and reading what its attempt is about. The body is not called here.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial

from celery.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import ObjectDoesNotExist
from django.db import models

from boogie.apps.tasks import identity, registry
from boogie.apps.tasks.db import outages
from boogie.apps.tasks.exceptions import ObjectGone
from boogie.apps.tasks.lifecycle import claim as claims
from boogie.apps.tasks.models import Task, families
from boogie.apps.tasks.models.stored import primary

from . import errors
from .run import Run

Make = Callable[[], models.Model]

#: A claim waits this long for a database that went away before it gives the row up.
CLAIM_PATIENCE = 5.0

#: Of which kind the objects of a task have been, by the task's name.
_kinds: dict[str, claims.Kind | None] = {}


def forget() -> None:
    """Learn anew of which kind the objects of tasks are: a model has changed."""
    _kinds.clear()


def claim(task_id: str, name: str) -> Run | None:
    """Claim the queued row ``task_id`` of a task for this process; ``None``: not to be had."""
    using = primary(Task)
    limits: list[SoftTimeLimitExceeded] = []
    claiming = partial(claim_both, using, task_id, name)
    found = outages.patiently(using, claiming, CLAIM_PATIENCE, limits.append)
    if found is None:
        return None
    row, make = found
    run = read(row, make)
    if limits and run.gone is None:  # it is not to strike a second time
        run.gone = limits[0]
    if make is None and run.gone is None:
        _kinds[name] = claims.kind_of(row, families.type_of(row).model_class())
    return run


def claim_both(using: str, task_id: str, name: str) -> tuple[Task, Make | None] | None:
    """Claim a queued row; return it with what makes its object, if that was read along."""
    kind = _kinds.get(name)
    names = registry.names(name)
    if kind is not None:
        everything = Task.objects.using(using).all()
        worker, pid = identity.worker_id(), os.getpid()
        found = claims.claim_with_object(everything, task_id, names, kind, worker=worker, pid=pid)
        if found is not None:
            return found
    row = claim_row(task_id, names)
    return None if row is None else (row, None)


def claim_row(task_id: str, names: Sequence[str]) -> Task | None:
    """
    Move a queued row to ``running`` for this process and return it; ``None``: not to be had.

    ``names`` are those of its task, whatever the message says.
    """
    everything = Task.objects.on_primary()
    worker, pid = identity.worker_id(), os.getpid()
    return claims.claim_row(everything, task_id, names, worker=worker, pid=pid)


def read(row: Task, make: Make | None = None) -> Run:
    """Return a run of a claimed row, with its object: made by ``make`` if it was read along."""
    try:
        obj = (make or row.get_object)()
        return Run(row, [obj, *row.args], dict(row.kwargs))
    except ObjectDoesNotExist as error:
        what = f"{_kind(row)} {row.object_id!r}"
        gone = ObjectGone(f"{what} was deleted before {row.name} ran ({error})")
        return Run(row, [None, *row.args], dict(row.kwargs), gone=gone)
    except BaseException as error:  # an alias that is configured no more, a key that does not parse
        if errors.ends_the_process(error):
            raise
        return Run(row, [None, *row.args], dict(row.kwargs), gone=error)


def _kind(row: Task) -> str:
    """Return what the object of ``row`` is called, which may have gone with its type."""
    try:
        return families.type_of(row).model
    except ObjectDoesNotExist:
        return f"the object of content type {row.content_type_id}"
