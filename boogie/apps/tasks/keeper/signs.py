"""
What a heartbeat writes into the worker's row, whichever process beats.

No model is imported: the pacemaker's process has one of its own.
"""

from typing import Any

from django.db.models import Case, F, When

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment


def longest_gap() -> float:
    """
    Return the seconds between two heartbeats after which a worker was itself late.

    The others may have been held up as long. They get what is left of the timeout,
    which is twice as much as this allows beyond the pace, to beat again.
    """
    return conf.HEARTBEAT + (conf.WORKER_TIMEOUT - conf.HEARTBEAT) / 3


def of_life(gap: float) -> dict[str, Any]:
    """
    Return the fields that a heartbeat changes, and their values.

    A heartbeat that comes more than ``gap`` seconds after the one before begins anew.
    MySQL changes fields in turn: ``steady`` looks at the heartbeat before, so it is first.
    """
    unbroken = When(seen__gt=Moment(-gap), then=F("steady"))
    return {"steady": Case(unbroken, default=Moment()), "seen": Moment()}
