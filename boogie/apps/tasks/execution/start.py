"""
Claiming a row, and reading what its attempt is about. The body is not called here.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.db import models

from boogie.apps.tasks import identity, limits, registry
from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.reading import instances as reading
from boogie.apps.tasks.exceptions import ObjectGone
from boogie.apps.tasks.functions import finding
from boogie.apps.tasks.holds import refused
from boogie.apps.tasks.lifecycle import claim as claims
from boogie.apps.tasks.limiting import claim as limited
from boogie.apps.tasks.models import Task, families
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.serialization import carried, instances, payloads

from . import around, errors
from .run import Run, rows_in

Make = Callable[[], models.Model]

#: A claim waits this long for a database that went away before it gives the row up.
CLAIM_PATIENCE = 5.0

#: Of which kind the objects of a task have been, by the task's name.
_kinds: dict[str, claims.Kind | None] = {}


def forget() -> None:
    """Learn anew of which kind the objects of tasks are: a model has changed."""
    _kinds.clear()


def claim(task_id: str, name: str, request: Any = None) -> Run | None:
    """Claim the queued row ``task_id`` of a task for this process; ``None``: not to be had."""
    using = primary(Task)
    struck: list[SoftTimeLimitExceeded] = []
    claiming = partial(claim_both, using, task_id, name)
    found = outages.patiently(using, claiming, CLAIM_PATIENCE, struck.append)
    if found is None and refused.may_start(task_id, _names(name)):
        found = outages.patiently(using, claiming, CLAIM_PATIENCE, struck.append)
    if found is None:
        return None
    row, make = found
    run = read(row, make, request)
    if struck and run.gone is None:  # it is not to strike a second time
        run.gone = struck[0]
    if make is None and run.gone is None and not row.backend:
        _learn(run, name)
    return run


def _learn(run: Run, name: str) -> None:
    """Note of which kind the objects of a task are, by one of its runs."""
    try:
        _kinds[name] = claims.kind_of(run.row, families.type_of(run.row).model_class())
    except BaseException:
        around.leave(run)  # nobody else will
        raise


@carried.untraced
def claim_both(using: str, task_id: str, name: str) -> tuple[Task, Make | None] | None:
    """Claim a queued row; return it with what makes its object, if that was read along."""
    if limits.of_task(name):
        row = limited.claim(using, task_id, partial(claim_row, task_id, registry.names(name), True))
        return None if row is None else (row, None)
    kind = _kinds.get(name)
    names = _names(name)
    # What is required decides where the object is.
    if kind is not None and not carried.any_required():
        everything = rows_in(using)
        worker, pid = identity.worker_id(), os.getpid()
        found = claims.claim_with_object(everything, task_id, names, kind, worker=worker, pid=pid)
        if found is not None:
            return found
    row = claim_row(task_id, names)
    if row is None and not names:  # of which function it is nobody knows before
        row = limited.claim(using, task_id, partial(claim_row, task_id, names, True))
    return None if row is None else (row, None)


def _names(name: str) -> list[str]:
    """Return those of a task; none of what runs functions, which have their own."""
    return registry.names(name) if name != registry.FUNCTION else []


def claim_row(task_id: str, names: Sequence[str], is_limited: bool = False) -> Task | None:
    """
    Move a queued row to ``running`` for this process and return it; ``None``: not to be had.

    ``names`` are those of its task, whatever the message says.
    """
    everything = rows_in(primary(Task))
    worker, pid = identity.worker_id(), os.getpid()
    return claims.claim_row(
        everything, task_id, names, worker=worker, pid=pid, is_limited=is_limited
    )


def read(row: Task, make: Make | None = None, request: Any = None) -> Run:
    """
    Return a run of a claimed row in its contexts, with its object: made by ``make`` if read along.

    Whoever asks for it leaves the contexts: ``around.leave()``.
    """
    return restored(begun(row), make, request)


def restored(run: Run, make: Make | None = None, request: Any = None) -> Run:
    """Return ``run`` in its contexts, with its object: see :func:`read`."""
    row = run.row
    around.enter(run, request)
    if run.gone is None and row.backend:
        run.gone = finding.problem(row.name)
    elif run.gone is None:
        _read_object(run, make)
    read_arguments(run)
    return run


def begun(row: Task) -> Run:
    """Return a run of a claimed row without contexts and object."""
    about = [] if row.backend else [None]
    try:
        return Run(row, [*about, *row.args], dict(row.kwargs))
    except ImproperlyConfigured as error:  # they are encrypted, and the key is gone
        return Run(row, about, {}, gone=error)


def _read_object(run: Run, make: Make | None) -> None:
    row = run.row
    try:
        run.args[0] = (make or row.get_object)()
    except ObjectDoesNotExist as error:
        run.is_orphan = type(error) is not ObjectDoesNotExist  # that is of a model which is gone
        what = f"{_kind(row)} {row.object_id!r}"
        run.gone = ObjectGone(f"{what} was deleted before {row.name} ran ({error})")
    except BaseException as error:  # an alias that is configured no more, a key that does not parse
        if errors.ends_the_process(error):
            raise
        run.gone = error


def read_arguments(run: Run) -> None:
    """Put instances in place of the references among the arguments of a run, for hooks as well."""
    row = run.row
    if run.gone is not None and not isinstance(run.gone, ObjectGone):
        return
    if not (instances.may_be_in(row.args) or instances.may_be_in(row.kwargs)):
        return
    try:
        found = reading.arguments(run.args[1:], run.kwargs)
    except BaseException as error:
        if errors.ends_the_process(error):
            raise
        run.gone = run.gone or error
        return
    run.args[1:] = found.args
    run.kwargs.update(found.kwargs)
    if found.gone is not None and run.gone is None:
        first, reason = found.gone
        text = payloads.gone(registry.get(row.name), row.name, first, reason.why)
        run.gone = ObjectGone(text)


def _kind(row: Task) -> str:
    """Return what the object of ``row`` is called, which may have gone with its type."""
    try:
        return families.type_of(row).model
    except ObjectDoesNotExist:
        return f"the object of content type {row.content_type_id}"
