"""
That a row has finished which others are after: told once that is committed.
"""

from functools import partial

from django.db import connections, transaction
from django.dispatch import Signal

from boogie.apps.tasks.db import commits
from boogie.apps.tasks.lifecycle.emit import Sending

#: Sent with ``using`` and ``key``. Who is killed before that leaves it to the keepers.
has_finished = Signal()


def finished(using: str, key: object) -> None:
    """Tell of the row ``key`` when this transaction has committed."""
    if commits.is_told(connections[using]):
        sending = Sending(partial(_send, using, key))
        transaction.on_commit(sending, using=using, robust=True)


def _send(using: str, key: object) -> None:
    has_finished.send_robust(sender=None, using=using, key=key)
