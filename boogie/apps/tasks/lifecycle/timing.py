"""
When a row may be claimed: from its time on, and until it expires. Conditions; no statements.
"""

from typing import Any

from django.db.models import Case, F, Q, Value, When

from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.fields import ExactCharField
from boogie.apps.tasks.db.moments import MomentField

from . import states

#: What keys of limits begin with, and what comes behind all of them.
LIMIT, BEHIND_LIMITS = "limit:", "limit;"

#: What a row is held back by that waits for others to finish.
AFTER = "after:"

#: As it is.
HELD_BY = F("held_by")


def ripe(rows: Any) -> Any:
    """Return those of ``rows`` whose time has come, and is not over."""
    return rows.filter(is_ripe(), is_in_time())


def in_its_line() -> Case:
    """Return what a row that is moved is held back by afterwards: it keeps the line of a limit."""
    is_limit = When(held_by__gte=LIMIT, held_by__lt=BEHIND_LIMITS, then=F("held_by"))
    return Case(is_limit, default=Value(""))


def is_ripe() -> Q:
    """Return the condition of rows whose time has come, and which wait for no other row."""
    return (Q(not_before=None) | Q(not_before__lte=Moment())) & ~waits_for_others()


def waits_for_others() -> Q:
    """Return the condition of rows after others which have not all finished."""
    return Q(is_after=True)


def due_unless_after(start: Any) -> Case:
    """Return when a row is due that may start at ``start``: at no time if it waits for others."""
    behind = When(waits_for_others(), then=Value(None))
    return Case(behind, default=start, output_field=MomentField())


def held_unless_free(otherwise: Any = HELD_BY) -> Case:
    """Return what a row is held back by that is to be queued: others that it waits for."""
    return held_if(waits_for_others(), AFTER, otherwise)


def held_if(condition: Q, key: Any, otherwise: Any = HELD_BY) -> Case:
    """Return ``key`` for rows that match a condition, and for others what they are held back by."""
    then = When(condition, then=Value(key) if isinstance(key, str) else key)
    return Case(then, default=otherwise, output_field=ExactCharField(max_length=270))


def is_in_time() -> Q:
    """Return the condition of rows that may start: what has begun in time may go on."""
    return Q(expires=None) | Q(expires__gt=Moment()) | Q(attempt__gt=0)


def is_late() -> Q:
    """Return the condition of rows that nobody has started in time."""
    waiting = Q(status__in=[states.PAUSED, states.QUEUED], ended=None)  # the latter for an index
    return waiting & Q(expires__lte=Moment(), attempt=0)
