"""
The way that a row took through the state machine, and the drawing of it.

As far as the row tells: it keeps what became of its attempts, and no pause that is over.
"""

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from boogie.apps.tasks import identity
from boogie.apps.tasks.lifecycle import diagram, states
from boogie.apps.tasks.lifecycle.states import Arrow
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.monitoring import describe

from . import attempts
from .attempts import Attempt

#: The arrows by which an attempt ended; each is followed by those that brought the row back.
ENDS: dict[str, tuple[Arrow, ...]] = {
    attempts.FINISHED: (states.FINISH,),
    attempts.FAILED: (states.FAIL,),
    attempts.CANCELLED: (states.CANCEL,),
    attempts.RETRIED: (states.RETRY,),
    attempts.RESCUED: (states.RESCUE,),
}

#: What people read for an arrow, by its name.
ARROWS = {
    "create paused": pgettext_lazy("arrow", "create paused"),
    "create queued": pgettext_lazy("arrow", "create queued"),
    "create running": pgettext_lazy("arrow", "create running"),
    "run": pgettext_lazy("arrow", "run"),
    "pause": pgettext_lazy("arrow", "pause"),
    "claim": pgettext_lazy("arrow", "claim"),
    "finish": pgettext_lazy("arrow", "finish"),
    "fail": pgettext_lazy("arrow", "fail"),
    "retry": pgettext_lazy("arrow", "retry"),
    "rescue": pgettext_lazy("arrow", "rescue"),
    "release": pgettext_lazy("arrow", "release"),
    "cancel": pgettext_lazy("arrow", "cancel"),
    "requeue": pgettext_lazy("arrow", "requeue"),
}

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Drawing:
    """The machine with what is emphasised of it; ``words`` say the same."""

    boxes: list[tuple[diagram.Box, str, bool, bool]]
    edges: list[tuple[diagram.Edge, str, bool]]
    words: str
    width: int = diagram.WIDTH
    height: int = diagram.HEIGHT
    start: tuple[int, int] = diagram.PLACES[diagram.START]


def drawing(row: Task, made: list[Attempt]) -> Drawing:
    """Return the drawing for ``row``, which made these attempts."""
    steps = path(row, made)
    taken = set(steps)
    been = {row.status, *(target for _name, _source, target in steps)}
    return Drawing(
        boxes=[
            (box, str(describe.LABELS[box.status]), box.status in been, box.status == row.status)
            for box in diagram.boxes()
        ],
        edges=[
            (edge, str(ARROWS[edge.name]), edge.key in taken)
            for edge in diagram.edges(states.ARROWS)
        ],
        words=_in_words(row, made),
    )


def path(row: Task, made: list[Attempt]) -> list[Key]:
    """Return the edges that ``row`` went along, in order: arrow, source and target."""
    steps = _beginning(row)
    for attempt in made:
        if attempt.left_out or steps[-1][2] != states.RUNNING:
            steps.append((states.CLAIM.name, states.QUEUED, states.RUNNING))
        steps += _end(row, attempt)
    if row.status != steps[-1][2] and row.status in (states.PAUSED, states.CANCELLED):
        arrow = states.PAUSE if row.status == states.PAUSED else states.CANCEL
        steps.append((arrow.name, states.QUEUED, row.status))
    return steps


def _beginning(row: Task) -> list[Key]:
    if identity.is_call(row.worker) and row.attempt == 1:
        return [_from_nothing(states.CREATE_RUNNING)]
    is_paused = row.status == states.PAUSED and not row.attempt and row.scheduled_for is None
    return [_from_nothing(states.CREATE_PAUSED if is_paused else states.CREATE_QUEUED)]


def _from_nothing(arrow: Arrow) -> Key:
    return arrow.name, diagram.START, arrow.target


def _end(row: Task, attempt: Attempt) -> list[Key]:
    """Return how an attempt ended and, where it was not the last, how the row was queued again."""
    steps = [(arrow.name, states.RUNNING, arrow.target) for arrow in ENDS.get(attempt.outcome, ())]
    is_over = attempt.number < row.attempt or row.status in (states.QUEUED, states.PAUSED)
    if steps and is_over and steps[-1][2] in states.REQUEUE.sources:
        steps.append((states.REQUEUE.name, steps[-1][2], states.QUEUED))
    return steps


def _in_words(row: Task, made: list[Attempt]) -> str:
    parts = [
        _("attempt %(number)d: %(outcome)s") % {"number": one.number, "outcome": one.label}
        for one in made
    ]
    parts.append(_("now: %(status)s") % {"status": describe.LABELS[row.status]})
    return "; ".join(parts)
