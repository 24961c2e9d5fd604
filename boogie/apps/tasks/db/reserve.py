"""
Taking rows out of a queue: the first so many are updated, and returned.
"""

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

from django.db import connections, models, transaction
from django.db.models import sql

from . import commits, compiled, features, outages
from .sql import first_of

#: So many rows of a queue may be locked by others, who are taking them at the same moment.
AHEAD = 100


@dataclass(frozen=True)
class Reservation:
    """
    What is taken, and how it changes; equal ones are one statement, compiled once.

    ``model``: its manager has ``ready_in(queues, since)``, which tells what may be taken and
    in which order. ``fields``: what comes back besides the primary key; ``priority``
    is one of them. ``changes``: names of fields and their new values. ``since``: for so
    many seconds it has to have waited.

    ``may_be_lost``: PostgreSQL need not wait for its disk. If the server crashes in
    the next half second, the rows may be as they were before. ``is_kept``: whether
    the statement will be needed again.
    """

    model: type[models.Model]
    queues: tuple[str, ...]
    limit: int
    fields: tuple[str, ...]
    changes: tuple[tuple[str, Any], ...]
    since: float = 0.0
    may_be_lost: bool = False
    is_kept: bool = True

    def ready(self, using: str, *queues: str) -> Any:
        """Return the queryset of what may be taken from ``queues``, first come first."""
        manager: Any = self.model._default_manager
        return manager.using(using).ready_in(list(queues), self.since)

    def each_ready(self, using: str) -> list[Any]:
        """Return the same of each queue: no index has the rows of several in order."""
        return [self.ready(using, queue) for queue in self.queues]

    def take(self, using: str) -> list[Any]:
        """
        Update the first rows; return objects with their ``pk`` and ``fields``.

        Those with the highest priority come first. Rows that another transaction is
        taking are passed over where the database can do that. One statement where it
        can return what it updated. What loses a deadlock against producers is done again, but
        not for long: an event loop may wait.
        """
        return outages.unlocked(using, partial(self._take, using), patience=1.0)

    def _take(self, using: str) -> list[Any]:
        connection = connections[using]
        if not features.returns_from_update(connection):
            return self._take_locked(using, connection)
        # In a transaction others' statements would be committed so, too.
        relaxed = self.may_be_lost and not commits.in_transaction(connection)
        build = partial(self._compile, relaxed=relaxed)
        place = (self, relaxed)
        statement = compiled.cached(using, place, build) if self.is_kept else build(connection)
        pk: Any = self.model._meta.pk
        found = statement.all(connection, {})
        taken = [self._named(pk.to_python(values[0]), values[1:]) for values in found]
        # An UPDATE returns its rows in no order.
        return sorted(taken, key=lambda row: (-row.priority, row.pk))

    def _take_locked(self, using: str, connection: Any) -> list[Any]:
        build = self._compile_locked
        place = (self, "locked")
        with transaction.atomic(using=using):  # without one nothing is compiled that locks
            kept = compiled.cached(using, place, build) if self.is_kept else build(connection)
            locked, change = kept
            found = locked.all(connection, {})
            if found:
                keys = [key for key, *_ in found]
                chosen = compiled.Part(f"IN ({', '.join(['%s'] * len(keys))})", keys)
                self._changing(change, chosen).count(connection, {})
        pk: Any = self.model._meta.pk
        return [self._named(pk.to_python(key), values) for key, *values in found]

    def _compile_locked(self, connection: Any) -> tuple[compiled.Statement, compiled.Part]:
        """Return what locks the first rows and reads them, and the UPDATE of those, up to WHERE."""
        skip = connection.features.has_select_for_update_skip_locked
        ready = self.each_ready(connection.alias)
        locked = [rows.select_for_update(skip_locked=skip) for rows in ready]
        text, params = first_of(locked, ("pk", *self.fields), self.limit)
        return compiled.Statement(text, params), self._change(connection)

    def _named(self, key: Any, values: Any) -> Any:
        # What is behind the fields is of no concern: what sorts, or relaxes a statement.
        return SimpleNamespace(pk=key, **dict(zip(self.fields, values, strict=False)))

    def _compile(self, connection: Any, relaxed: bool) -> compiled.Statement:
        returned = ", ".join(self._column(connection, name) for name in ("pk", *self.fields))
        tail = features.relaxed_commit(connection) if relaxed else ""
        chosen = compiled.Part(*self._which(connection))
        return self._changing(self._change(connection), chosen, f" RETURNING {returned}{tail}")

    def _change(self, connection: Any) -> compiled.Part:
        """Return an UPDATE of all rows."""
        everything = self.model._base_manager.using(connection.alias).all()
        update: Any = everything.query.chain(sql.UpdateQuery)
        update.add_update_values(dict(self.changes))
        text, params = update.get_compiler(connection=connection).as_sql()
        return compiled.Part(f"{text} WHERE {self._column(connection, 'pk')} ", params)

    def _changing(
        self, change: compiled.Part, chosen: compiled.Part, tail: str = ""
    ) -> compiled.Statement:
        """Return the UPDATE of those whose primary keys are ``chosen``."""
        text = f"{change.text}{chosen.text}{tail}"
        return compiled.Statement(text, (*change.params, *chosen.params))

    def _column(self, connection: Any, name: str) -> str:
        meta: Any = self.model._meta
        field = meta.pk if name == "pk" else meta.get_field(name)
        return str(connection.ops.quote_name(field.column))

    def _which(self, connection: Any) -> tuple[str, Any]:
        """Return what the primary key of a row that is taken has to fulfil."""
        if not connection.features.has_select_for_update_skip_locked:
            keys, params = first_of(self.each_ready(connection.alias), ["pk"], self.limit)
            # With the key come the columns that sort.
            return f"IN (SELECT pk FROM ({keys}))", params
        locked = self._locked if len(self.queues) == 1 else self._locked_one_by_one
        keys, params = locked(connection)
        # Not IN: the planner may run a subquery with a limit more than once.
        return f"= ANY(ARRAY({keys}))", params

    def _locked(self, connection: Any) -> tuple[str, Any]:
        ready = self.ready(connection.alias, *self.queues).values("pk")[: self.limit]
        text, params = ready.query.get_compiler(connection=connection).as_sql()
        return f"{text} FOR UPDATE SKIP LOCKED", params

    def _locked_one_by_one(self, connection: Any) -> tuple[str, Any]:
        """
        Return SQL for the first rows of several queues, in the order of them all.

        PostgreSQL cannot lock a UNION. So each row that it yields is looked at again and
        locked, until there are enough: a row that is not taken is not locked, and others
        can take it. In CASE no index serves the condition, but for that on the key.
        """
        union, params = first_of(self.each_ready(connection.alias), ["pk"], self.limit + AHEAD)
        ready: Any = self.ready(connection.alias, *self.queues).query
        condition, more = ready.get_compiler(connection=connection).compile(ready.where)
        meta: Any = self.model._meta
        table, key = map(connection.ops.quote_name, (meta.db_table, meta.pk.column))
        text = (
            f"SELECT taken.pk FROM ({union}) AS found CROSS JOIN LATERAL"
            f" (SELECT {key} AS pk FROM {table} WHERE {key} = found.pk"
            f" AND CASE WHEN {condition} THEN TRUE END FOR UPDATE SKIP LOCKED) AS taken"
            f" LIMIT {self.limit}"
        )
        return text, (*params, *more)
