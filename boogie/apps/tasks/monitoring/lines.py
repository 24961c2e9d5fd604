"""
The lines in which rows wait that are held back: how long each is, and what it waits for.
"""

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Max
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from boogie.apps.tasks import limits
from boogie.apps.tasks.db.clock import Microseconds, Moment
from boogie.apps.tasks.lifecycle import parking, states, timing
from boogie.apps.tasks.models import Limit, Slot, Task, TaskQuerySet

#: Lines that are told of, the longest first.
MOST = 10


@dataclass(frozen=True)
class Line:
    """Rows that are held back by one thing; ``oldest``: seconds since the first was made."""

    what: str
    rows: int
    oldest: float


def longest(rows: TaskQuerySet) -> list[Line]:
    """Return the longest lines."""
    held = parking.parked(rows).order_by().values("held_by")
    age = Max(Microseconds(F("created"), Moment()))
    found = list(held.annotate(rows=Count("pk"), oldest=age).order_by("-rows", "held_by")[:MOST])
    names: dict[str, Any] = {timing.AFTER: "rows that they are after"}
    names |= Limit.objects.using(rows.db).in_bulk([one["held_by"] for one in found])
    return [
        Line(
            str(names.get(one["held_by"], one["held_by"])),
            one["rows"],
            round(one["oldest"] / 1e6, 3),
        )
        for one in found
    ]


def in_words(row: Task) -> str:
    """Return what holds a row back, for people; empty if nothing does."""
    if row.is_after and not row.is_ended:
        return _for_others(row)
    if not (row.is_queued and row.held_by and row.due is None):
        return ""
    using: Any = row._state.db
    stored = Limit.objects.using(using).filter(pk=row.held_by).first()
    limit = None if stored is None else limits.known(stored.name)
    if stored is None:
        return _("held back by %(what)s") % {"what": row.held_by}
    if not isinstance(limit, limits.Concurrency):
        return _("held back by limit %(what)s") % {"what": stored}
    running = Slot.objects.using(using).filter(limit=stored.pk).count()
    return _("held back by limit %(what)s: %(running)s of %(most)s run") % {
        "what": stored,
        "running": running,
        "most": limit.n,
    }


def _for_others(row: Task) -> str:
    """Return for how many others a row waits, and whether one of them has failed."""
    statuses = list(row.waits_for.values_list("status", flat=True)[: MOST + 1])
    number = f"{MOST}+" if len(statuses) > MOST else len(statuses)
    if states.FAILED in statuses:
        return _("waits for %(number)s other tasks, one of which has failed") % {"number": number}
    return ngettext("waits for another task", "waits for %(number)s other tasks", len(statuses)) % {
        "number": number
    }
