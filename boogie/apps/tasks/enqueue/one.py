"""
Making one row: checked, inserted in the caller's transaction, rung for on commit.
"""

from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, router, transaction
from django.db.models.signals import post_save, pre_save

from boogie.apps.tasks import current_app, identity
from boogie.apps.tasks.broker import doorbell
from boogie.apps.tasks.broker.connection import broker_pool
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db import commits, compiled, insert, outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.lifecycle import emit, states, transitions
from boogie.apps.tasks.models import Task, columns, families
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.serialization import references

from .draft import draft


def queued(task: Declaration, obj: Any, args: Any, kwargs: Any, when: Any = None) -> Task:
    """Insert a queued row, due now or at ``when``, and ring its doorbell on commit."""
    row = _new_row(task, obj, args, kwargs)
    row.status = states.QUEUED
    rings = False
    if when is not None:
        row.queue = current_app.queue_of(task)
        row.scheduled_for = row.not_before = row.due = when
    else:
        row.queue, rings = current_app.destination(task)
        # Nobody says when a transaction ends that the project commits itself: the keeper rings.
        rings = rings and not broker_pool.is_broken and commits.is_told(connections[_db(row)])
        row.due = Moment(conf.RING_AGAIN if rings else 0.0)
    _insert(row)
    if rings:
        transaction.on_commit(partial(_ring, row), using=_db(row), robust=True)
    emit.one(states.CREATE_QUEUED, row, _db(row))
    return row


def paused(task: Declaration, obj: Any, args: Any, kwargs: Any) -> Task:
    """Insert a paused row."""
    row = _new_row(task, obj, args, kwargs)
    row.queue = current_app.queue_of(task)
    row.status = states.PAUSED
    _insert(row)
    emit.one(states.CREATE_PAUSED, row, _db(row))
    return row


def running(task: Declaration, obj: Any, args: Any, kwargs: Any) -> Task:
    """Insert a row that this process runs itself, attempt 1 of a ``call()``; tell nobody yet."""
    row = _new_row(task, obj, args, kwargs)
    row.queue = current_app.queue_of(task)
    row.status = states.RUNNING
    row.attempt = 1
    row.started = Moment()
    row.worker = identity.caller_id()
    _insert(row)
    return row


def _new_row(task: Declaration, obj: Any, args: Any, kwargs: Any) -> Task:
    """Check everything about a call; return an unsaved row for it, without queue."""
    obj = references.check_object(task.name, obj)
    key = references.checked_key(task.name, obj)
    row = draft(task, args, kwargs)
    row.content_type = families.type_for(type(obj), row._state.db)
    row.object_id = key
    row.object_db = router.db_for_write(type(obj), instance=obj)
    return row


def _db(row: Task) -> str:
    return row._state.db or DEFAULT_DB_ALIAS


def _insert(row: Task) -> None:
    """Insert a row, and read back what the database computed, in one statement."""
    using = _db(row)
    connection = connections[using]
    own = columns.of(Task)
    computed = own.computed(vars(row))
    if row.scheduled_for is None and _may_be_compiled(connection):
        shape = insert.Shape(Task, own.given(vars(row)), tuple(computed.items()))
        inserter = compiled.cached(using, shape, partial(insert.Inserter, shape=shape))
        outages.unlocked(using, partial(inserter.insert, connection, row))
        return
    outages.unlocked(using, partial(row.save, force_insert=True, using=using))


def _may_be_compiled(connection: Any) -> bool:
    """Return whether an INSERT returns what it computed, and nobody listens to ``save()``."""
    listened = pre_save.has_listeners(Task) or post_save.has_listeners(Task)
    return bool(connection.features.can_return_columns_from_insert) and not listened


def _ring(row: Task) -> None:
    """Ring one fresh row; if that fails, leave it to the keeper's next look."""
    if doorbell.ring([row]):
        using = _db(row)
        mine = Task.objects.using(using).filter(pk=row.pk, attempt=0)
        outages.unlocked(using, partial(transitions.release, mine))
