"""
Sending the public signals of arrows, after the transaction has committed.

For ``transitions.py``, and for those who have a row in hand that has just moved.
"""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from boogie.apps.tasks import registry, signals
from boogie.apps.tasks.protocols import Row

from . import states

Rows = QuerySet[Any]

#: Rows read at once to be announced.
CHUNK = 500


def is_heard(arrow: states.Arrow) -> bool:
    """Return whether anybody listens to the signal of ``arrow``."""
    return arrow.signal is not None and bool(getattr(signals, arrow.signal).receivers)


def many(arrow: states.Arrow, rows: Rows, ids: list[Any]) -> None:
    """Send the signal of ``arrow`` for the rows ``ids``, read anew, if anybody listens."""
    if is_heard(arrow):
        everything = rows.model._base_manager.using(rows.db)
        sending = partial(_send_many, str(arrow.signal), everything, ids)
        transaction.on_commit(sending, using=rows.db, robust=True)


def one(signal_name: str, row: Row, using: str) -> None:
    """Send a signal for one row that is already loaded."""
    if getattr(signals, signal_name).receivers:
        transaction.on_commit(partial(_send, signal_name, row), using=using, robust=True)


def _send(signal_name: str, row: Row) -> None:
    signal = getattr(signals, signal_name)
    signal.send_robust(sender=registry.get(row.name), task=row)


def _send_many(signal_name: str, everything: Rows, ids: list[Any]) -> None:
    for start in range(0, len(ids), CHUNK):
        chunk = everything.filter(pk__in=ids[start : start + CHUNK])
        for row in chunk.order_by("created", "pk"):
            _send(signal_name, row)
