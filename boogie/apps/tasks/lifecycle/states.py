"""
Statuses, and the one table of arrows between them: creation is one of them. No ORM, no I/O.

The documentation's diagram and the table-driven tests are made from this table.
"""

from dataclasses import dataclass

from django.dispatch import Signal
from django.utils.translation import gettext_lazy as _
from model_utils import Choices

from boogie.apps.tasks import signals

PAUSED = "paused"
QUEUED = "queued"
RUNNING = "running"
FINISHED = "finished"
FAILED = "failed"
CANCELLED = "cancelled"

#: Each with what people read for it.
STATUS = Choices(
    (PAUSED, _("paused")),
    (QUEUED, _("queued")),
    (RUNNING, _("running")),
    (FINISHED, _("finished")),
    (FAILED, _("failed")),
    (CANCELLED, _("cancelled")),
)

#: Statuses in which nothing happens to a row by itself; a finished one stays so for ever.
ENDED = frozenset({FINISHED, FAILED, CANCELLED})


@dataclass(frozen=True, slots=True)
class Arrow:
    """
    One permitted change of status; without ``sources`` a row comes to be.

    ``signal`` is sent after commit (``None``: the status did not change for
    anybody outside).
    """

    name: str
    sources: frozenset[str]
    target: str
    signal: Signal | None

    @property
    def signal_name(self) -> str | None:
        """The name of its signal in :mod:`boogie.apps.tasks.signals`."""
        return next((n for n in signals.__all__ if getattr(signals, n) is self.signal), None)


def _arrow(name: str, sources: str, target: str, signal: Signal | None) -> Arrow:
    return Arrow(name, frozenset(sources.split()), target, signal)


CREATE_PAUSED = _arrow("create paused", "", PAUSED, signals.task_paused)
CREATE_QUEUED = _arrow("create queued", "", QUEUED, signals.task_queued)
CREATE_RUNNING = _arrow("create running", "", RUNNING, signals.task_started)

RUN = _arrow("run", PAUSED, QUEUED, signals.task_queued)
PAUSE = _arrow("pause", QUEUED, PAUSED, signals.task_paused)
CLAIM = _arrow("claim", QUEUED, RUNNING, signals.task_started)
FINISH = _arrow("finish", RUNNING, FINISHED, signals.task_finished)
FAIL = _arrow("fail", RUNNING, FAILED, signals.task_failed)
RETRY = _arrow("retry", RUNNING, QUEUED, signals.task_retried)
RESCUE = _arrow("rescue", RUNNING, QUEUED, signals.task_retried)
RELEASE = _arrow("release", QUEUED, QUEUED, None)
CANCEL = _arrow("cancel", f"{PAUSED} {QUEUED} {RUNNING}", CANCELLED, signals.task_cancelled)
REQUEUE = _arrow("requeue", f"{FAILED} {CANCELLED}", QUEUED, signals.task_queued)

# What is no arrow of the diagram: the status stays.
HASTEN = _arrow("hasten", QUEUED, QUEUED, None)
PARK = _arrow("park", QUEUED, QUEUED, None)
WAKE = _arrow("wake", QUEUED, QUEUED, None)
ACKNOWLEDGE = _arrow("acknowledge", FAILED, FAILED, None)

#: How rows come to be.
CREATIONS = (CREATE_PAUSED, CREATE_QUEUED, CREATE_RUNNING)
#: How stored rows move.
MOVES = (RUN, PAUSE, CLAIM, FINISH, FAIL, RETRY, RESCUE, RELEASE, CANCEL, REQUEUE)

ARROWS = CREATIONS + MOVES
