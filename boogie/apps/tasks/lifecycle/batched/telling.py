"""
That rows of batches have ended: told once that is committed, to who looks whether they were the
last ones.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import connections, transaction
from django.dispatch import Signal

from boogie.apps.tasks.db import commits
from boogie.apps.tasks.lifecycle.emit import Sending

#: Sent with ``using``, ``keys`` of batches (``None``: nobody knows which), and whether a row of
#: theirs has ``failed``. Who is killed before that leaves it to the keepers.
have_ended = Signal()


def ended(using: str, keys: Iterable[Any] | None, failed: bool = False) -> None:
    """Tell of rows of some batches when this transaction has committed."""
    known = None if keys is None else [key for key in dict.fromkeys(keys) if key is not None]
    if known != [] and commits.is_told(connections[using]):
        sending = Sending(partial(_send, using, known, failed))
        transaction.on_commit(sending, using=using, robust=True)


def _send(using: str, keys: list[Any] | None, failed: bool) -> None:
    have_ended.send_robust(sender=None, using=using, keys=keys, failed=failed)
