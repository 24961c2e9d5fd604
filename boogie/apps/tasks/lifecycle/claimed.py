"""
What a claim writes to a row.
"""

from typing import Any

from django.db.models import F

from boogie.apps.tasks.db import sql
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.sql import Appended

from . import states

#: What a claim changes besides the names of the worker and its process.
CLAIMED: dict[str, Any] = {
    "attempt": sql.Remembered(F("attempt") + 1),
    "started": Moment(),
    "due": None,
    "not_before": None,
    "progress": None,
    "progressed": None,
}

#: What nobody has to read of a row that was claimed: the claim empties it, and no queued row has
#: an end.
#: Who claims a row that is under limits knows of these.
EMPTY: dict[str, Any] = {
    **{name: None for name, value in CLAIMED.items() if value is None},
    "ended": None,
    "erased": None,
    "held_by": "",
    "limits": None,
}


def known(worker: str, pid: int) -> dict[str, Any]:
    """Return what a row has that was claimed, without reading it."""
    return {"status": states.CLAIM.target, "worker": worker, "pid": pid, **EMPTY}


def claimed(worker: Any, pid: Any, keeps_all: bool) -> dict[str, Any]:
    """Return what a claim changes; ``keeps_all``: the row is to tell of all its claims."""
    changes = {"worker": worker, "pid": pid, **CLAIMED}
    if keeps_all:
        changes["claims"] = Appended("claims", worker=worker, at=Moment())
    return changes
