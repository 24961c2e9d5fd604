"""
Many rows at once: one task about each of many objects.

Rows are inserted in chunks; of a queryset only primary keys are read. No doorbell
is published here: the keepers ring in step with the workers, so that neither the
caller nor the broker is flooded.
"""

import uuid
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from django.db import DatabaseError, connections, models, router, transaction

from boogie.apps.tasks import current_app
from boogie.apps.tasks.db import features, outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.ids import uuid7_block
from boogie.apps.tasks.db.insert import insert_many
from boogie.apps.tasks.lifecycle import emit, states
from boogie.apps.tasks.models import Task, TaskQuerySet, families
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.serialization import references

from .draft import draft

#: The content type of an object, its key, and its database.
Reference = tuple[int, str, str]
References = Iterator[Reference]

#: Rows of one INSERT.
CHUNK = 2000

#: Columns in which the rows of one call differ.
VARYING = ("id", "content_type", "object_id", "object_db")


def queued(
    task: Declaration, objects: Any, args: Any, kwargs: Any, when: Any = None, size: Any = None
) -> TaskQuerySet:
    """Insert a queued row for each object, due now or at ``when``; return the rows."""
    row = draft(task, args, kwargs)
    row.queue = current_app.queue_of(task)
    row.status = states.QUEUED
    row.due = Moment() if when is None else when
    row.scheduled_for = row.not_before = when
    return _insert_all(task, row, objects, size, states.CREATE_QUEUED)


def paused(
    task: Declaration, objects: Any, args: Any, kwargs: Any, size: Any = None
) -> TaskQuerySet:
    """Insert a paused row for each object; return the rows."""
    row = draft(task, args, kwargs)
    row.queue = current_app.queue_of(task)
    row.status = states.PAUSED
    return _insert_all(task, row, objects, size, states.CREATE_PAUSED)


def _insert_all(
    task: Declaration, row: Task, objects: Any, size: int | None, arrow: states.Arrow
) -> TaskQuerySet:
    """Insert in one transaction, or with ``size`` in one for each so many rows."""
    if size is not None and (type(size) is not int or size < 1):
        raise ValueError(f"{task.name}: chunk_size must be a whole number above 0, not {size!r}.")
    using = row._state.db or ""
    first = uuid7_block().int
    made = 0
    found = _references(task, objects, using)
    if size is None:
        made = _insert_as_one(row, found, first, arrow)
    else:
        while chunk := list(islice(found, size)):
            commit = partial(_commit_chunk, row, chunk, first + made, arrow)
            made += outages.unlocked(using, commit)
    rows = Task.objects.using(using)
    if not made:
        return rows.none()
    last = uuid.UUID(int=first + made - 1)
    return rows.filter(name=task.name, pk__gte=uuid.UUID(int=first), pk__lte=last)


def _insert_as_one(row: Task, found: References, first: int, arrow: states.Arrow) -> int:
    """Insert in one transaction; what is one chunk is done again if it lost against others."""
    using = row._state.db or ""
    made, chunk = 0, []
    try:
        with transaction.atomic(using=using):
            while chunk := list(islice(found, CHUNK)):
                made += _insert_chunk(row, chunk, first + made, arrow)
    except DatabaseError as error:
        is_all = chunk and len(chunk) < CHUNK and not made
        if not is_all or not outages.has_lost(using, error):
            raise
        made = outages.unlocked(using, partial(_commit_chunk, row, chunk, first, arrow))
    return made


def _commit_chunk(row: Task, chunk: list[Reference], first: int, arrow: states.Arrow) -> int:
    # Not on every database is the INSERT one statement.
    with transaction.atomic(using=row._state.db):
        return _insert_chunk(row, chunk, first, arrow)


def _insert_chunk(row: Task, chunk: list[Reference], first: int, arrow: states.Arrow) -> int:
    using = row._state.db or ""
    ids = [uuid.UUID(int=first + number) for number in range(len(chunk))]
    varying = [(key, *reference) for key, reference in zip(ids, chunk, strict=True)]
    insert_many(connections[using], row, VARYING, varying)
    emit.many(arrow, Task.objects.using(using).all(), ids)
    return len(chunk)


def _references(task: Declaration, objects: Any, using: str) -> References:
    """Yield content type, key and database of each object."""
    if isinstance(objects, models.QuerySet):
        yield from _references_of_queryset(task, objects, using)
        return
    if not isinstance(objects, Iterable) or isinstance(objects, str | bytes | dict):
        raise TypeError(
            f"{task.name}: each() takes a queryset or an iterable of model instances, "
            f"not {objects!r:.80} of type {type(objects).__qualname__}."
        )
    for given in objects:
        obj = references.check_object(task.name, given)
        kind = families.type_for(type(obj), using).pk
        database = router.db_for_write(type(obj), instance=obj)
        yield kind, references.checked_key(task.name, obj), database


def _references_of_queryset(
    task: Declaration, objects: "models.QuerySet[Any]", using: str
) -> References:
    model = objects.model
    probe = model()
    probe._state.db = objects.db
    database = router.db_for_write(model, instance=probe)
    kind = families.type_for(model, using).pk
    keys: Iterable[Any] = objects.values_list("pk", flat=True).iterator(chunk_size=CHUNK)
    if features.blocks_readers(connections[objects.db]):
        # Nothing can be written under a cursor that is open since before somebody else wrote.
        keys = list(keys)
    for key in keys:
        probe.pk = key
        yield kind, references.checked_key(task.name, probe), database
