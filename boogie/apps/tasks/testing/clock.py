"""
``freeze()`` and ``travel()``: the database's clock, as Boogie sees it, in the hands of a test.

Nothing of the server is changed, nor ``timezone.now()``: only what Boogie asks for the time.
"""

import numbers
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from boogie.apps.tasks.db.clock import Pretence, pretended, pretending
from boogie.apps.tasks.db.moments import in_utc


@contextmanager
def freeze(moment: datetime) -> Iterator[datetime]:
    """
    Have the clock stand still at ``moment``, an aware datetime; within another one, too.

    Raise ``ValueError`` for a naive one, unless ``USE_TZ`` is off: then it is local time.
    """
    with pretending(Pretence(at=_checked(moment))):
        yield moment


@contextmanager
def travel(delta: timedelta | float) -> Iterator[None]:
    """
    Put the clock forward by ``delta``, a ``timedelta`` or seconds; backward if it is negative.

    It goes on from there; a clock that stands still does so there.
    """
    with pretending((pretended() or Pretence()).moved(_length(delta))):
        yield


def _checked(moment: Any) -> datetime:
    if not isinstance(moment, datetime):
        raise TypeError(
            f"freeze() takes a datetime, not {moment!r:.80} of type {type(moment).__qualname__}."
        )
    if settings.USE_TZ and timezone.is_naive(moment):
        raise ValueError(
            f"freeze() takes an aware datetime, not the naive {moment!r}, as USE_TZ is on: give "
            f"it a tzinfo, such as datetime.UTC."
        )
    return in_utc(moment)


def _length(delta: Any) -> timedelta:
    if isinstance(delta, timedelta):
        return delta
    if isinstance(delta, numbers.Real) and not isinstance(delta, bool):
        return timedelta(seconds=float(delta))
    raise TypeError(
        f"travel() takes a timedelta or a number of seconds, not {delta!r:.80} of type "
        f"{type(delta).__qualname__}."
    )
