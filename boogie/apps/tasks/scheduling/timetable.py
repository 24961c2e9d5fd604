"""
What a keeper looks for, and does: slots that are due, and what others have left half made.
"""

import logging
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.models import Schedule
from boogie.apps.tasks.models.scheduled.querysets import ScheduleQuerySet

from . import making

logger = logging.getLogger(__name__)

#: Schedules that are read at once.
BATCH = 100
#: Slots about single objects that are one transaction.
TOGETHER = 25
#: Seconds after which a slot is tried again that could not be made.
AGAIN = 60.0
#: Seconds that a thread of the keeper gives to slots before others have their turn.
TURN = 1.0
#: Characters that are kept of an error.
MAX_ERROR = 1000


def are_due() -> bool:
    """Return whether this process has a slot to make."""
    due = Schedule.objects.on_primary().due().ready()
    # In the order of an index: PostgreSQL, which cannot know that few are due, would read them all.
    return bool(due.order_by("next_run").values_list("pk", flat=True)[:1])


class Looks:
    """
    What one keeper does about slots. Without schedules nothing is asked but :meth:`asked`.

    ``aside`` has something done that may take a while, by another thread; ``goes_on`` tells
    whether such threads are to go on.
    """

    def __init__(self, aside: Callable[..., Any], goes_on: Callable[[], bool]) -> None:
        self._aside, self._goes_on = aside, goes_on
        #: Whether there are schedules that are not paused, as far as is known.
        self._are_there = False
        #: Whether somebody makes slots, or is to.
        self._is_at_work = False

    def asked(self) -> tuple[ScheduleQuerySet, ScheduleQuerySet]:
        """Return the schedules that are not paused, and those with a slot that is half made."""
        everything = Schedule.objects.on_primary()
        return everything.enabled(), everything.open()

    def are_told(self, are_there: bool, is_open: bool) -> None:
        """Learn whether there are such; have others' slots made to their ends."""
        self._are_there = are_there
        if is_open:
            self._have_made()

    def look(self) -> None:
        """Have slots made that are due."""
        if self._are_there and not self._is_at_work and are_due():
            self._have_made()

    def _have_made(self) -> None:
        if not self._is_at_work:
            self._is_at_work = True
            self._aside(self.make)

    def make(self) -> None:
        """Make slots for a while; what is left then comes behind what else is to be done."""
        is_more = False
        try:
            is_more = make() and self._goes_on()
        finally:
            self._is_at_work = is_more
        if is_more:
            self._aside(self.make)


def make(seconds: float = TURN) -> bool:
    """Make what is to be made, for about so many seconds; return whether there is more."""
    end = time.monotonic() + seconds
    while found := _next():
        for some in _together(found):
            _make(some)
            if time.monotonic() >= end:
                return True
    return False


def _next() -> list[Any]:
    """
    Return what is to be made next: what is due, and one portion of each that has begun.

    Both in turn: a slot over many objects does not hold up other schedules, nor they it.
    """
    everything: Any = Schedule.objects.on_primary().with_now()
    due = everything.due().filter(slot=None).ready().order_by("next_run")[:BATCH]
    begun = everything.open().ready().order_by("pk")[:BATCH]
    return [*due, *begun]


def _together(found: list[Any]) -> Iterator[list[Any]]:
    """Yield schedules that are made in one transaction: some about one object, or one alone."""
    single = [one for one in found if one.content_type_id is not None]
    # In the order of their keys, as everybody locks them.
    single.sort(key=lambda one: one.pk)
    parts = [single[start : start + TOGETHER] for start in range(0, len(single), TOGETHER)]
    random.shuffle(parts)  # keepers that look at the same time are to take different ones
    yield from parts
    yield from ([one] for one in found if one.content_type_id is None)


def _make(some: list[Any]) -> None:
    """Make slots together; each by itself, if that fails: others are not to wait for it."""
    if len(some) == 1:
        _make_one(some[0])
        return
    using = some[0]._state.db
    try:
        outages.unlocked(using, partial(_take_all, using, some))
    except Exception as error:
        if outages.is_outage(error):
            raise
        for schedule in some:
            _make_one(schedule)


def _take_all(using: str, some: list[Any]) -> None:
    with transaction.atomic(using=using):
        for schedule in some:
            making.take(schedule, in_utc(schedule.now))


def _make_one(schedule: Any) -> None:
    """Make a slot, or a portion of one. What keeps it from being made is stored with it."""
    now = in_utc(schedule.now)
    try:
        if schedule.slot is not None:
            making.go_on(schedule)
        else:
            making.take(schedule, now)
    except ObjectDoesNotExist as error:
        if schedule.content_type_id is None:
            _put_off(schedule, error)
        else:
            making.pass_over(schedule, now, _in_words(error))
    except Exception as error:
        if outages.is_outage(error):
            raise
        _put_off(schedule, error)


def _put_off(schedule: Any, error: Exception) -> None:
    logger.error("The schedule %s makes no rows; it is tried again", schedule.name, exc_info=error)
    making.put_off(schedule, AGAIN, _in_words(error))


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:MAX_ERROR].replace("\0", "")
