"""
That a row has finished which others are after: told once that is committed, and in a transaction
also at once, so that what goes on does so with its commit.
"""

from functools import partial

from django.db import connections, transaction
from django.dispatch import Signal

from boogie.apps.tasks.db import commits
from boogie.apps.tasks.lifecycle.emit import Sending

#: Sent with ``using``, ``key``, and whether it ``is_committed``. Who is killed before leaves it to
#: the keepers.
has_finished = Signal()


def finished(using: str, key: object) -> None:
    """Tell of the row ``key``."""
    connection = connections[using]
    if commits.in_transaction(connection):
        _send(using, key, False)
    if commits.is_told(connection):
        sending = Sending(partial(_send, using, key, True))
        transaction.on_commit(sending, using=using, robust=True)


def _send(using: str, key: object, is_committed: bool) -> None:
    told = {"using": using, "key": key, "is_committed": is_committed}
    has_finished.send_robust(sender=None, **told)
