"""
The INSERT of one row that nothing is in the way of.
"""

from functools import partial

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models.signals import post_save, pre_save

from boogie.apps.tasks.db import compiled, insert, outages
from boogie.apps.tasks.models import Task, columns


def db_of(row: Task) -> str:
    """Return the alias of the database that a new row is for."""
    return row._state.db or DEFAULT_DB_ALIAS


def shape_of(row: Task) -> insert.Shape:
    """Return what the INSERT of ``row`` says, but for the values."""
    own = columns.of(Task)
    computed = own.computed(vars(row))
    return insert.Shape(Task, own.given(vars(row)), tuple(computed.items()))


def is_compiled(row: Task) -> bool:
    """Return whether an INSERT returns what it computed, and nobody listens to ``save()``."""
    listened = pre_save.has_listeners(Task) or post_save.has_listeners(Task)
    returns = connections[db_of(row)].features.can_return_columns_from_insert
    return bool(returns) and not listened


def insert_row(row: Task) -> None:
    """Insert a row, and read back what the database computed, in one statement."""
    using = db_of(row)
    if row.scheduled_for is None and is_compiled(row):
        shape = shape_of(row)
        inserter = compiled.cached(using, shape, partial(insert.Inserter, shape=shape))
        outages.unlocked(using, partial(inserter.insert, connections[using], row))
    else:
        outages.unlocked(using, partial(row.save, force_insert=True, using=using))
    row.is_new = True
