"""
When a row may be claimed: from its time on, and until it expires. Conditions; no statements.
"""

from typing import Any

from django.db.models import Case, F, Q, Value, When

from boogie.apps.tasks.db.clock import Moment

from . import states

#: What keys of limits begin with, and what comes behind all of them.
LIMIT, BEHIND_LIMITS = "limit:", "limit;"


def ripe(rows: Any) -> Any:
    """Return those of ``rows`` whose time has come, and is not over."""
    return rows.filter(is_ripe(), is_in_time())


def in_its_line() -> Case:
    """Return what a row that is moved is held back by afterwards: it keeps the line of a limit."""
    is_limit = When(held_by__gte=LIMIT, held_by__lt=BEHIND_LIMITS, then=F("held_by"))
    return Case(is_limit, default=Value(""))


def is_ripe() -> Q:
    """Return the condition of rows whose time has come."""
    return Q(not_before=None) | Q(not_before__lte=Moment())


def is_in_time() -> Q:
    """Return the condition of rows that may start: what has begun in time may go on."""
    return Q(expires=None) | Q(expires__gt=Moment()) | Q(attempt__gt=0)


def is_late() -> Q:
    """Return the condition of rows that nobody has started in time."""
    waiting = Q(status__in=[states.PAUSED, states.QUEUED], ended=None)  # the latter for an index
    return waiting & Q(expires__lte=Moment(), attempt=0)
