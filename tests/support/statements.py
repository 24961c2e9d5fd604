"""The statements that a block sends to a database."""

import contextlib

from django.db import connections
from django.test.utils import CaptureQueriesContext

#: Django 5.2.0 does not know the text of a statement that PostgreSQL has prepared.
PREPARED = "SELECT by a prepared statement"


@contextlib.contextmanager
def statements(using="default"):
    """Collect the statements of a block, without savepoints and transaction control."""
    found = []
    with CaptureQueriesContext(connections[using]) as captured:
        yield found
    told = [query["sql"] or PREPARED for query in captured.captured_queries]
    found += [
        sql
        for sql in told
        if sql.split()[0].upper() in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
    ]
