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

    ``model``: its manager has ``ready_in(queues)``, which tells what may be taken and
    in which order. ``fields``: what comes back besides the primary key; ``priority``
    is one of them. ``changes``: names of fields and their new values.

    ``may_be_lost``: PostgreSQL need not wait for its disk. If the server crashes in
    the next half second, the rows may be as they were before. ``is_kept``: whether
    the statement will be needed again.
    """

    model: type[models.Model]
    queues: tuple[str, ...]
    limit: int
    fields: tuple[str, ...]
    changes: tuple[tuple[str, Any], ...]
    may_be_lost: bool = False
    is_kept: bool = True

    def ready(self, using: str, *queues: str) -> Any:
        """Return the queryset of what may be taken from ``queues``, first come first."""
        manager: Any = self.model._default_manager
        return manager.using(using).ready_in(list(queues))

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
        skip = connection.features.has_select_for_update_skip_locked
        with transaction.atomic(using=using), connection.cursor() as cursor:
            locked = [rows.select_for_update(skip_locked=skip) for rows in self.each_ready(using)]
            cursor.execute(*first_of(locked, ("pk", *self.fields), self.limit))
            pk: Any = self.model._meta.pk
            taken = [self._named(pk.to_python(key), values) for key, *values in cursor.fetchall()]
            everything = self.model._base_manager.using(using)
            everything.filter(pk__in=[row.pk for row in taken]).update(**dict(self.changes))
        return taken

    def _named(self, key: Any, values: Any) -> Any:
        # What is behind the fields is of no concern: what sorts, or relaxes a statement.
        return SimpleNamespace(pk=key, **dict(zip(self.fields, values, strict=False)))

    def _compile(self, connection: Any, relaxed: bool) -> compiled.Statement:
        which, which_params = self._which(connection)
        everything = self.model._base_manager.using(connection.alias).all()
        update: Any = everything.query.chain(sql.UpdateQuery)
        update.add_update_values(dict(self.changes))
        update_sql, update_params = update.get_compiler(connection=connection).as_sql()
        quote = connection.ops.quote_name
        meta: Any = self.model._meta
        columns = [quote(meta.get_field(name).column) for name in self.fields]
        key = quote(meta.pk.column)
        text = f"{update_sql} WHERE {key} {which} RETURNING {', '.join([key, *columns])}"
        if relaxed:
            text += features.relaxed_commit(connection)
        return compiled.Statement(text, (*update_params, *which_params))

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
