"""
Many rows at once: one task about each of many objects; a unique one about each that has none.

Rows are inserted in chunks. No doorbell is published here: the keepers ring in step with
the workers, so that neither the caller nor the broker is flooded.
"""

import uuid
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from django.db import DatabaseError, connections, transaction

from boogie.apps.tasks import current_app
from boogie.apps.tasks.db import commits, outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.compiled import NOTHING, Part
from boogie.apps.tasks.db.ids import uuid7_block
from boogie.apps.tasks.db.insert import insert_many
from boogie.apps.tasks.db.unique.inserting import held
from boogie.apps.tasks.lifecycle import emit, places, states, transitions
from boogie.apps.tasks.models import Task, TaskQuerySet
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.unique import debounce_of

from . import lines, one, sources, times, unique
from .batched import joining
from .chained import behind
from .chained.given import Needs
from .draft import draft, load
from .inserting import db_of
from .sources import Read, Reference, References, Telling
from .unique import Keys

#: Rows of one INSERT.
CHUNK = 2000

#: Columns in which the rows of one call differ.
VARYING = ("id", "content_type", "object_id", "object_db")


@dataclass(frozen=True, slots=True)
class Pattern:
    """What the rows of one call have in common, and how they come to be."""

    row: Task
    arrow: states.Arrow
    #: Of unique rows what makes their keys, and what is done where others have their places.
    keys: Keys | None = None
    otherwise: Part = NOTHING
    #: Whether those others are not to start before the transaction of the caller has ended.
    holds: bool = False
    #: Of rows under limits what tells their values.
    limits: lines.Values | None = None
    #: The rows that they are after.
    needs: Needs | None = None

    @property
    def using(self) -> str:
        """The database that the rows are for."""
        return db_of(self.row)

    @property
    def more(self) -> list[Telling]:
        """What tells something more of each object."""
        return [teller for teller in (self.limits, self.keys) if teller is not None]

    @property
    def rows(self) -> TaskQuerySet:
        """All rows of that database."""
        return Task.objects.using(self.using)


def queued(
    task: Declaration,
    objects: Any,
    args: Any,
    kwargs: Any,
    when: Any = None,
    size: Any = None,
    needs: Needs | None = None,
) -> TaskQuerySet:
    """Insert a queued row for each object, due now, at ``when`` or after ``needs``; return them."""
    return _insert_all(task, _queued(task, args, kwargs, when, needs), objects, size)


def portion(task: Declaration, objects: Any, args: Any, kwargs: Any) -> Read:
    """
    Insert a queued row for each of ``objects``, which come in the order of their keys.

    An object that comes twice in succession gets one. Return how many there were, and which was
    the last.
    """
    pattern, read = _queued(task, args, kwargs), Read()
    found = sources.references(task, objects, pattern.using, pattern.more)
    _insert_as_one(pattern, read.once(found), uuid7_block().int)
    return read


def _queued(
    task: Declaration, args: Any, kwargs: Any, when: Any = None, needs: Needs | None = None
) -> Pattern:
    row = _draft(task, args, kwargs, states.QUEUED)
    row.due = Moment() if when is None else when
    row.scheduled_for = row.not_before = when
    start = one.begin(when, debounce_of(task.unique_rule))
    row.expires = times.expiry(task.name, task.expires, start)
    return _pattern(task, row, args, kwargs, states.CREATE_QUEUED, needs)


def paused(
    task: Declaration,
    objects: Any,
    args: Any,
    kwargs: Any,
    size: Any = None,
    needs: Needs | None = None,
) -> TaskQuerySet:
    """Do the same with paused rows, which are due when somebody runs them."""
    row = _draft(task, args, kwargs, states.PAUSED)
    row.expires = times.expiry(task.name, task.expires)
    pattern = _pattern(task, row, args, kwargs, states.CREATE_PAUSED, needs)
    return _insert_all(task, pattern, objects, size)


def _draft(task: Declaration, args: Any, kwargs: Any, status: str) -> Task:
    row = draft(task, args, kwargs)
    load(task, row, is_pattern=True)
    row.queue, row.status = current_app.queue_of(task), status
    return row


def _pattern(
    task: Declaration,
    row: Task,
    args: Any,
    kwargs: Any,
    arrow: states.Arrow,
    needs: Needs | None,
) -> Pattern:
    limited = lines.Values.of_call(task, args, kwargs)
    rule = task.unique_rule
    if rule is None:
        return Pattern(row, arrow, limits=limited, needs=needs)
    row.unique_running, debounce = rule.is_live, rule.debounce
    if debounce is not None and arrow is states.CREATE_QUEUED and row.scheduled_for is None:
        row.due = row.not_before = Moment(debounce.seconds)
    connection = connections[db_of(row)]
    holds = debounce is None and not rule.is_live and commits.in_transaction(connection)
    otherwise = unique.otherwise(row, debounce)
    keys = Keys(task, rule, args, kwargs)
    return Pattern(row, arrow, keys, otherwise, holds, limited, needs)


def _insert_all(
    task: Declaration, pattern: Pattern, objects: Any, size: int | None
) -> TaskQuerySet:
    """Insert in one transaction, or with ``size`` in one for each so many rows."""
    if size is not None and (type(size) is not int or size < 1):
        raise ValueError(f"{task.name}: chunk_size must be a whole number above 0, not {size!r}.")
    first = uuid7_block().int
    made = 0
    found = sources.references(task, objects, pattern.using, pattern.more)
    if size is None:
        made = _insert_as_one(pattern, found, first)
    else:
        with closing(found):
            while chunk := list(islice(found, size)):
                commit = partial(_commit_chunk, pattern, chunk, first + made)
                made += outages.unlocked(pattern.using, commit)
    if not made:
        return pattern.rows.none()
    last = uuid.UUID(int=first + made - 1)
    return pattern.rows.filter(name=task.name, pk__gte=uuid.UUID(int=first), pk__lte=last)


def _insert_as_one(pattern: Pattern, found: References, first: int) -> int:
    """Insert in one transaction; what is one chunk is done again if it lost against others."""
    made, chunk = 0, []
    try:
        with transaction.atomic(using=pattern.using), closing(found):
            while chunk := list(islice(found, CHUNK)):
                made += _insert_chunk(pattern, chunk, first + made)
    except DatabaseError as error:
        is_all = chunk and len(chunk) < CHUNK and not made
        if not is_all or not outages.has_lost(pattern.using, error):
            raise
        commit = partial(_commit_chunk, pattern, chunk, first)
        made = outages.unlocked(pattern.using, commit)
    return made


def _commit_chunk(pattern: Pattern, chunk: list[Reference], first: int) -> int:
    # Not on every database is the INSERT one statement.
    with transaction.atomic(using=pattern.using):
        return _insert_chunk(pattern, chunk, first)


def _insert_chunk(pattern: Pattern, chunk: list[Reference], first: int) -> int:
    """Return how many ids were given away: of unique rows fewer may have been made."""
    ids = [uuid.UUID(int=first + number) for number in range(len(chunk))]
    varying = [(key, *reference) for key, reference in zip(ids, chunk, strict=True)]
    if pattern.row.joins:
        joining.lock(pattern.using, pattern.row)
    marked = None if pattern.needs is None else behind.mark(pattern.using, pattern.needs)
    if pattern.keys is not None:
        _insert_unique(pattern, {values[-1]: values for values in reversed(varying)})
    else:
        _insert(pattern, varying)
    if marked is not None:
        behind.put(pattern.using, _made(pattern, ids), marked)
    emit.many(pattern.arrow, pattern.rows.all(), ids)
    return len(chunk)


def _made(pattern: Pattern, ids: list[Any]) -> list[Any]:
    """Return those of ``ids`` that rows have: of unique rows fewer may have been made."""
    if pattern.keys is None:
        return ids
    made = pattern.rows.filter(pk__gte=ids[0], pk__lte=ids[-1])
    return list(made.order_by("pk").values_list("pk", flat=True))


def _insert(pattern: Pattern, values: list[tuple[Any, ...]]) -> None:
    names = VARYING if pattern.keys is None else (*VARYING, "unique_key")
    if pattern.limits is None:
        connection = connections[pattern.using]
        insert_many(connection, pattern.row, names, values, pattern.otherwise)
    else:
        lines.insert(pattern.row, names, values, pattern.otherwise)


def _insert_unique(pattern: Pattern, by_key: dict[str, tuple[Any, ...]]) -> None:
    """Insert the rows whose places are free: in the order of their keys, as everybody does."""
    if pattern.row.expires is not None:
        transitions.expire(places.holders(pattern.rows, by_key))  # as a keeper soon would
    for _try in range(unique.TRIES):
        values = [by_key[key] for key in sorted(by_key)]
        _insert(pattern, values)
        if not pattern.holds:
            return
        for key in held(places.holders(pattern.rows, by_key), "unique_key"):
            del by_key[key]
        if not by_key:
            return
    raise unique.lost(pattern.row)
