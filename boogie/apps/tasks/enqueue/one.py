"""
Making one row: checked, inserted in the caller's transaction, rung for on commit.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connections, router, transaction

from boogie.apps.tasks import current_app, identity, limits
from boogie.apps.tasks.broker import doorbell
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db import commits, outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.lifecycle import emit, states, transitions
from boogie.apps.tasks.models import Task, families
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.serialization import references
from boogie.apps.tasks.unique import Debounce, debounce_of

from . import limiting, showing, times, unique
from .batched import joining
from .draft import draft, load
from .inserting import db_of, insert_row

#: Inserts a row that is under limits: database, task, row, and what inserts it.
Enter = Callable[[str, Any, Task, Callable[[], Task]], Task]


def queued(task: Declaration, obj: Any, args: Any, kwargs: Any, when: Any = None) -> Task:
    """
    Insert a queued row, due now or at ``when``, and ring its doorbell on commit.

    Or return the one that has its place.
    """
    row = _new_row(task, obj, args, kwargs)
    debounce = debounce_of(task.unique_rule)
    row.expires = times.expiry(task.name, task.expires, begin(when, debounce))
    rings = False
    if when is not None:
        row.queue = current_app.queue_of(task)
    else:
        row.queue, rings = current_app.destination(task)
    return insert_queued(row, when, rings, debounce)


def begin(when: Any, debounce: Debounce | None) -> Any:
    """Return when a new row may start, if that is not now."""
    return Moment(debounce.seconds) if when is None and debounce is not None else when


def insert_queued(row: Task, when: Any, rings: bool, debounce: Debounce | None = None) -> Task:
    """
    Insert a row as queued, due now or at ``when``, or return the one that has its place.

    ``rings``: there is a broker to ring at.
    """
    row.status = states.QUEUED
    row.scheduled_for = when
    start = begin(when, debounce)
    may_be_tried = _stands_first(row) or start is not None
    if start is not None:
        row.not_before = row.due = start
        rings = False
    else:
        # Nobody says when a transaction ends that the project commits itself: the keeper rings.
        rings = rings and not doorbell.is_kept_in()
        rings = rings and commits.is_told(connections[db_of(row)])
        row.due = Moment(conf.RING_AGAIN if rings else 0.0)
    if not may_be_tried:
        row.due, rings = None, False
    found = _insert(row, debounce)
    if found is not row:
        return found
    if rings:
        transaction.on_commit(partial(_ring, row), using=db_of(row), robust=True)
    emit.one(states.CREATE_QUEUED, row, db_of(row))
    return row


def _stands_first(row: Task) -> bool:
    """Have a new row stand in the line of its first limit; return whether it may be tried now."""
    if not row.limits:
        return True
    identity = _stand(row)
    return limiting.room_in(db_of(row), identity, row.held_by) > 0


def _stand(row: Task) -> str:
    """Have a new row stand in the lines of its limits; return which is the first."""
    limiting.stand(db_of(row), [(row.pk, row.limits)])
    identity, row.held_by = limiting.first_of(row.limits)
    return identity


def paused(task: Declaration, obj: Any, args: Any, kwargs: Any) -> Task:
    """Insert a paused row, or return the one that has its place."""
    row = _new_row(task, obj, args, kwargs)
    row.expires = times.expiry(task.name, task.expires)
    row.queue = current_app.queue_of(task)
    row.status = states.PAUSED
    if row.limits:
        _stand(row)  # its place, once it is to run
    found = _insert(row, debounce_of(task.unique_rule))
    if found is not row:
        return found
    emit.one(states.CREATE_PAUSED, row, db_of(row))
    return row


def running(task: Declaration, obj: Any, args: Any, kwargs: Any, enter: Enter) -> Task:
    """
    Insert a row that this process runs itself, attempt 1 of a ``call()``; tell nobody yet.

    Or return the one that has its place. ``enter`` inserts a row that is under limits, or raises:
    see :func:`limiting.claim.enter`.
    """
    row = _new_row(task, obj, args, kwargs)
    row.queue = current_app.queue_of(task)
    row.status = states.RUNNING
    row.attempt = 1
    row.started = Moment()
    row.worker = identity.caller_id()
    insert = partial(_insert, row)
    return enter(db_of(row), task, row, insert) if row.limits else insert()


def _new_row(task: Declaration, obj: Any, args: Any, kwargs: Any) -> Task:
    """Check everything about a call; return an unsaved row for it, without queue."""
    obj = references.check_object(task.name, obj)
    task.check_object(obj)
    key = references.checked_key(task.name, obj)
    row = draft(task, args, kwargs)
    load(task, row)
    if limits.of_task(task.name):
        row.limits = limiting.values_of(task, references.unwrap(obj), args, kwargs)
    row.content_type = families.type_for(type(obj), row._state.db)
    row.object_id = key
    row.object_db = router.db_for_write(type(obj), instance=obj)
    if task.unique_rule is not None:
        keys = unique.Keys(task, task.unique_rule, args, kwargs)
        row.unique_key = keys.of(type(obj), obj, key, row.object_db)
        row.unique_running = task.unique_rule.is_live
    return row


def _insert(row: Task, debounce: Debounce | None = None) -> Task:
    """Insert a row; return it, or the one that has its place."""
    if row.joins:
        row.joins = False
        return joining.insert(db_of(row), row, partial(_insert, row, debounce))
    if unique.has_no_place(row):
        insert_row(row)
        return row
    return unique.insert(row, debounce)


def _ring(row: Task) -> None:
    """Ring one fresh row; if that fails, leave it to the keeper's next look."""
    if row.is_after:  # it waits for others
        return
    if doorbell.ring([showing.mark(row)]):
        using = db_of(row)
        mine = Task.objects.using(using).filter(pk=row.pk, attempt=0)
        outages.unlocked(using, partial(transitions.release, mine))
