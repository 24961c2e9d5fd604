"""
Making a row that is to be the only one of its key: it is inserted, or the one that is there comes
back.

Who meets a row that is not committed yet waits for that. In a transaction with a snapshot the other
row may be invisible: then the database says so, or :func:`lost` does.
"""

from functools import partial
from typing import Any

from django.db import IntegrityError, OperationalError, connections, models, transaction
from django.db.models import Value

from boogie.apps.tasks.db import commits, compiled, features, outages
from boogie.apps.tasks.db.compiled import Part
from boogie.apps.tasks.db.insert import Shape
from boogie.apps.tasks.db.unique.inserting import Claimant, Given, assignments
from boogie.apps.tasks.lifecycle import places, states, transitions
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.protocols import Declaration
from boogie.apps.tasks.serialization import kinship
from boogie.apps.tasks.unique import Debounce, Rule

from . import keys
from .inserting import db_of, is_compiled, shape_of

#: How often a place that was taken may be found free again, before somebody is told.
TRIES = 50


class Keys:
    """What makes the keys of the rows of one call."""

    def __init__(self, task: Declaration, rule: Rule, args: Any, kwargs: Any) -> None:
        self._task, self._rule, self._args, self._kwargs = task, rule, args, kwargs
        self._name, self._is_secret = task.names[-1], bool(task.encrypt)
        #: Whether it has to see the objects themselves.
        self.reads_objects = rule.by is not None
        self._by = None if self.reads_objects else self._values(None)

    def _values(self, obj: Any) -> Any:
        return keys.values(self._task.name, self._rule, (obj,), self._args, self._kwargs)

    def of(self, model: type[models.Model], obj: Any, key: str, database: str) -> str:
        """Return the key for an object: parents and children that share theirs are one."""
        by = self._values(obj) if self.reads_objects else self._by
        root = kinship.root(model)._meta.label_lower
        return keys.digest(self._is_secret, self._name, root, key, database, by)


def has_no_place(row: Task) -> bool:
    """Return whether nothing is in the way of a new row."""
    return not row.unique_key or (row.status == states.RUNNING and not row.unique_running)


def insert(row: Task, debounce: Debounce | None = None) -> Task:
    """Insert ``row``, or return the one in its place; ``is_new`` tells which of the two."""
    place = _Place(row, None if debounce is None else _terms(row, debounce))
    for _try in range(TRIES):
        found = place.take()
        if found is not None:
            found.is_new = found is row
            return found
    raise lost(row)


def otherwise(row: Task, debounce: Debounce | None) -> Part:
    """Return what an INSERT of many rows like ``row`` does where others have their places."""
    connection, changes = connections[db_of(row)], None
    if debounce is not None:
        changes = assignments(Task, connection, places.postponed(_given, *_terms(row, debounce)))
    return places.PLACE.otherwise(Task, connection, changes)


#: What :func:`places.postponed` wants to know: the most seconds, and whether the time moves.
Terms = tuple[float | None, bool]


def _terms(row: Task, debounce: Debounce) -> Terms:
    """Return how a call changes the row that waits; ``schedule()`` says the time itself."""
    most = debounce.most if row.scheduled_for is None else None
    return most, row.status == states.QUEUED


def lost(row: Task) -> OperationalError:
    """Return the error of who finds a place neither free nor taken."""
    return OperationalError(
        f"{row.name}: there is another row with the unique key {row.unique_key}, which this "
        f"transaction does not see, or which changes all the time. Make the row before or after a "
        f"transaction of this isolation level, or try the transaction again."
    )


class _Place:
    """The place of one key, for one row; ``terms``: how one that waits there is changed, if so."""

    def __init__(self, row: Task, terms: Terms | None) -> None:
        self.row, self.terms = row, terms
        self.using = db_of(row)
        self.connection = connections[self.using]
        self.rows = Task.objects.using(self.using)

    def take(self) -> Task | None:
        """Insert the row, or return the other one; ``None``: that has gone meanwhile."""
        found = self._take()
        return None if found is not None and self._is_late(found) else found

    def _take(self) -> Task | None:
        if self._locks_for_nothing() and (there := self._holder(locks=False)) is not None:
            return there
        if is_compiled(self.row):
            found = outages.unlocked(self.using, self._claim)
            return self._holder() if found is None else found
        return outages.unlocked(self.using, self._save)

    def _is_late(self, found: Task) -> bool:
        """Return whether the other row can start no more, and cancel it: its place is free."""
        if found is self.row or found.expires is None or found.attempt:
            return False
        return transitions.expire(self.rows.filter(pk=found.pk)) > 0

    def _locks_for_nothing(self) -> bool:
        """
        Return whether to look first.

        Where an INSERT locks the row that it meets, a run could not settle before this
        transaction ends.
        """
        is_needless = self.row.unique_running and commits.in_transaction(self.connection)
        locks = not features.has_partial_indexes(self.connection)
        return is_needless and locks and not features.shows_a_snapshot(self.connection)

    def _claim(self) -> Any:
        shape = shape_of(self.row)
        build = partial(_claimant, shape, self.terms)
        claimant = compiled.cached(self.using, ("place", shape, self.terms), build)
        return claimant.claim(self.connection, self.row)

    def _save(self) -> Task | None:
        """Do it in steps: for a database that returns nothing, or who listens to ``save()``."""
        try:
            with transaction.atomic(using=self.using):
                self.row.save(force_insert=True, using=self.using)
                return self.row
        except IntegrityError as error:
            if not places.is_refusal(self.rows, error):
                raise
        if self.terms is not None:
            changes = places.postponed(self._value, *self.terms)
            places.postpone(self.rows, self.row.unique_key, changes)
        return self._holder()

    def _value(self, name: str) -> Any:
        value = getattr(self.row, name)
        return value if hasattr(value, "as_sql") else Value(value, _field(name))

    def _holder(self, locks: bool | None = None) -> Task | None:
        """
        Return the row that has the place.

        One that waits does not start before this transaction has ended: what it does to the object
        is to come after what is done here.
        """
        if locks is None:
            waits = not self.row.unique_running and commits.in_transaction(self.connection)
            locks = waits or _is_hidden(self.connection)
        build = partial(_reader, locks)
        reader = compiled.cached(self.using, ("holder", locks), build)
        found: Task | None = reader.statement.one(
            self.connection, {"unique_key": self.row.unique_key}, reader
        )
        return found


def _is_hidden(connection: Any) -> bool:
    """Return whether only a SELECT that locks sees what others have committed."""
    return features.shows_a_snapshot(connection) and not features.has_partial_indexes(connection)


def _claimant(shape: Shape, terms: Terms | None, connection: Any) -> Claimant:
    changes = None if terms is None else places.postponed(_given, *terms)
    return Claimant(connection, shape, places.PLACE, changes)


def _reader(locks: bool, connection: Any) -> compiled.Reader:
    slot = compiled.slot(Task, "unique_key")
    everything = Task._base_manager.using(connection.alias)
    reader = compiled.Reader(connection, places.holders(everything, [slot]))
    if locks:
        reader.statement.text += features.share_lock(connection)
    return reader


def _given(name: str) -> Given:
    return Given(_field(name))


def _field(name: str) -> Any:
    return Task._meta.get_field(name)
