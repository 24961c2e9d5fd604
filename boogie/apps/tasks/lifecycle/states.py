"""
Statuses and the one table of arrows between them. No ORM, no I/O.

``transitions.py`` is the only reader that writes; the documentation's diagram
and the table-driven tests are made from the same table.
"""

from dataclasses import dataclass

from model_utils import Choices

PAUSED = "paused"
QUEUED = "queued"
RUNNING = "running"
FINISHED = "finished"
FAILED = "failed"
CANCELLED = "cancelled"

STATUS = Choices(PAUSED, QUEUED, RUNNING, FINISHED, FAILED, CANCELLED)

#: Statuses that a row leaves only when somebody retries it by hand.
ENDED = frozenset({FINISHED, FAILED, CANCELLED})


@dataclass(frozen=True, slots=True)
class Arrow:
    """
    One permitted change of status.

    ``signal`` is the name in :mod:`boogie.apps.tasks.signals` sent after commit
    (``None``: the status did not change for anybody outside).
    """

    name: str
    sources: frozenset[str]
    target: str
    signal: str | None


def _arrow(name: str, sources: str, target: str, signal: str | None) -> Arrow:
    return Arrow(name, frozenset(sources.split()), target, signal)


RUN = _arrow("run", PAUSED, QUEUED, "task_queued")
PAUSE = _arrow("pause", QUEUED, PAUSED, "task_paused")
CLAIM = _arrow("claim", QUEUED, RUNNING, "task_started")
FINISH = _arrow("finish", RUNNING, FINISHED, "task_finished")
FAIL = _arrow("fail", RUNNING, FAILED, "task_failed")
RETRY = _arrow("retry", RUNNING, QUEUED, "task_retried")
RESCUE = _arrow("rescue", RUNNING, QUEUED, "task_retried")
RELEASE = _arrow("release", QUEUED, QUEUED, None)
CANCEL = _arrow("cancel", f"{PAUSED} {QUEUED} {RUNNING}", CANCELLED, "task_cancelled")
REQUEUE = _arrow("requeue", f"{FAILED} {CANCELLED}", QUEUED, "task_queued")

ARROWS = (RUN, PAUSE, CLAIM, FINISH, FAIL, RETRY, RESCUE, RELEASE, CANCEL, REQUEUE)
