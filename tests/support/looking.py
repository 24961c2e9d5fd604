"""What a database looks at: rows and index entries of our tables, and steps."""

import contextlib

from django.db import connection

from boogie.apps.tasks import Message, Schedule, Task

TABLES = [model._meta.db_table for model in (Task, Message, Schedule)]


@contextlib.contextmanager
def looked_at():
    """Count what a block makes the database look at; a list with one number."""
    found = []
    counter = {"postgresql": _on_postgresql, "mysql": _on_mysql, "sqlite": _on_sqlite}
    with counter[connection.vendor](found):
        yield found


@contextlib.contextmanager
def _on_postgresql(found):
    """Rows and index entries, as this transaction has counted them: it reads by itself."""
    with connection.cursor() as cursor:  # what other processes read for it is not counted
        cursor.execute("SELECT set_config('max_parallel_workers_per_gather', '0', true)")
    before = _entries()
    yield
    found.append(_entries() - before)


def _entries():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT SUM(pg_stat_get_xact_tuples_returned(oid)) FROM"
            " (SELECT unnest(%s::regclass[]) UNION"
            " SELECT indexrelid FROM pg_index WHERE indrelid = ANY (%s::regclass[])) t (oid)",
            [TABLES, TABLES],
        )
        return int(cursor.fetchone()[0])


@contextlib.contextmanager
def _on_mysql(found):
    """Rows that this session has asked the storage engine for."""
    before = _handled()
    yield
    found.append(_handled() - before)


def _handled():
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%%'")
        return sum(int(value) for _, value in cursor.fetchall())


@contextlib.contextmanager
def _on_sqlite(found):
    """Steps of SQLite's virtual machine."""
    steps = 0

    def step():
        nonlocal steps
        steps += 1

    connection.connection.set_progress_handler(step, 1)
    try:
        yield
    finally:
        connection.connection.set_progress_handler(None, 1)
    found.append(steps)
