"""
Taking rows out of a queue: the first so many are updated, and returned.
"""

from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

from django.db import connections, models, transaction
from django.db.models import sql

from . import compiled, features


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

    def ready(self, using: str) -> Any:
        """Return the queryset of what may be taken, first come first."""
        manager: Any = self.model._default_manager
        return manager.using(using).ready_in(list(self.queues))

    def take(self, using: str) -> list[Any]:
        """
        Update the first rows; return objects with their ``pk`` and ``fields``.

        Those with the highest priority come first. Rows that another transaction is
        taking are passed over where the database can do that. One statement where it
        can return what it updated.
        """
        connection = connections[using]
        if not features.returns_from_update(connection):
            return self._take_locked(using, connection)
        # In a transaction others' statements would be committed so, too.
        relaxed = self.may_be_lost and not connection.in_atomic_block
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
        with transaction.atomic(using=using):
            locked = self.ready(using).select_for_update(skip_locked=skip)
            found = locked.values_list("pk", *self.fields)[: self.limit]
            taken = [self._named(key, values) for key, *values in found]
            everything = self.model._base_manager.using(using)
            everything.filter(pk__in=[row.pk for row in taken]).update(**dict(self.changes))
        return taken

    def _named(self, key: Any, values: Any) -> Any:
        # A relaxed statement returns one column more.
        return SimpleNamespace(pk=key, **dict(zip(self.fields, values, strict=False)))

    def _compile(self, connection: Any, relaxed: bool) -> compiled.Statement:
        ready = self.ready(connection.alias)
        inner = ready.values("pk")[: self.limit].query.get_compiler(connection=connection)
        inner_sql, inner_params = inner.as_sql()
        if connection.features.has_select_for_update_skip_locked:
            # Not IN: the planner may run a subquery with a limit more than once.
            which = f"= ANY(ARRAY({inner_sql} FOR UPDATE SKIP LOCKED))"
        else:
            which = f"IN ({inner_sql})"
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
        return compiled.Statement(text, (*update_params, *inner_params))
