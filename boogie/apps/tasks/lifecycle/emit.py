"""
Sending the public signals of arrows, after the transaction has committed.

None is sent where nobody learns of the commit: see :mod:`boogie.apps.tasks.db.commits`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.db import connections, transaction
from django.db.models import QuerySet

from boogie.apps.tasks import registry
from boogie.apps.tasks.db import commits
from boogie.apps.tasks.protocols import Row

from . import states

Rows = QuerySet[Any]

#: Rows read at once to be announced.
CHUNK = 500


def is_heard(arrow: states.Arrow) -> bool:
    """Return whether anybody listens to the signal of ``arrow``."""
    return arrow.signal is not None and bool(arrow.signal.receivers)


def many(arrow: states.Arrow, rows: Rows, ids: list[Any]) -> None:
    """Send the signal of ``arrow`` for the rows ``ids``, read anew, if anybody listens."""
    if is_heard(arrow) and commits.is_told(connections[rows.db]):
        everything = rows.model._base_manager.using(rows.db)
        sending = Sending(partial(_send_many, arrow, everything, ids))
        transaction.on_commit(sending, using=rows.db, robust=True)


def one(arrow: states.Arrow, row: Row, using: str) -> None:
    """Send the signal of ``arrow`` for a row that is already loaded, if anybody listens."""
    if is_heard(arrow) and commits.is_told(connections[using]):
        sending = Sending(partial(_send, arrow, row))
        transaction.on_commit(sending, using=using, robust=True)


class Sending:
    """What is sent on commit, once: in tests two may each take a commit for theirs to play."""

    __slots__ = ("_send",)

    def __init__(self, send: Callable[[], None]) -> None:
        self._send: Callable[[], None] | None = send

    def __call__(self) -> None:
        send, self._send = self._send, None
        if send is not None:
            send()


def _send(arrow: states.Arrow, row: Row) -> None:
    if arrow.signal is not None:
        arrow.signal.send_robust(sender=registry.of_row(row), task=row)


def _send_many(arrow: states.Arrow, everything: Rows, ids: list[Any]) -> None:
    for start in range(0, len(ids), CHUNK):
        chunk = everything.filter(pk__in=ids[start : start + CHUNK])
        for row in chunk.order_by("created", "pk"):
            _send(arrow, row)
