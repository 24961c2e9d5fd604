"""The statements that a block sends to a database."""

import contextlib

from django.db import connections
from django.test.utils import CaptureQueriesContext


@contextlib.contextmanager
def statements(using="default"):
    """Collect the statements of a block, without savepoints and transaction control."""
    found = []
    with CaptureQueriesContext(connections[using]) as captured:
        yield found
    found += [
        query["sql"]
        for query in captured.captured_queries
        if query["sql"].split()[0].upper() in ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
    ]
