"""
Whether doorbells are kept in: a test neither waits for a broker nor disturbs whoever listens there.

Rows are due at once then, as on ``boogie://``: who has a worker run on them need not be rung for.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from boogie.apps.tasks import identity

#: How many have asked for doorbells in spite of that.
_asked = 0


def holds() -> bool:
    """Return whether nothing is to be published: a test runs, and has no worker to ring at."""
    return is_test() and not _asked and not identity.is_worker()


def is_test() -> bool:
    """Return whether Django's test environment is set up: test runners and pytest-django do."""
    # Not imported: a process that runs no test has no use for it. Nor by django.core.mail.outbox,
    # which is there for everybody who has configured that backend.
    utils = sys.modules.get("django.test.utils")
    return utils is not None and hasattr(utils._TestState, "saved_data")


@contextmanager
def lifted() -> Iterator[None]:
    """Have doorbells published within, test or not."""
    global _asked
    _asked += 1
    try:
        yield
    finally:
        _asked -= 1
