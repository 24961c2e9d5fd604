"""
That rows of batches have ended: told once that is committed, to who looks whether they were the
last ones; in a transaction that sees what others do, also at once.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import connections, transaction
from django.dispatch import Signal

from boogie.apps.tasks.db import commits, features
from boogie.apps.tasks.lifecycle.emit import Sending

#: Sent with ``using``, ``keys`` of batches (``None``: nobody knows which), and whether a row of
#: theirs has ``failed``. Who is killed before that leaves it to the keepers.
have_ended = Signal()


def ended(using: str, keys: Iterable[Any] | None, failed: bool = False) -> None:
    """Tell of rows of some batches."""
    known = None if keys is None else [key for key in dict.fromkeys(keys) if key is not None]
    if known == []:
        return
    connection = connections[using]
    if commits.in_transaction(connection) and not features.shows_a_snapshot(connection):
        _send(using, known, failed)
    if commits.is_told(connection):
        sending = Sending(partial(_send, using, known, failed))
        transaction.on_commit(sending, using=using, robust=True)


def _send(using: str, keys: list[Any] | None, failed: bool) -> None:
    have_ended.send_robust(sender=None, using=using, keys=keys, failed=failed)
