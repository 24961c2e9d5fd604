"""
What is chosen in the list, how much that is, and which rows it is about.
"""

import uuid
from dataclasses import dataclass, replace
from typing import Any

from django.core import signing
from django.http import HttpRequest

from boogie.apps.tasks.db import clock
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import Task, TaskQuerySet
from boogie.apps.tasks.monitoring import counting, walking
from boogie.apps.tasks.monitoring.filters import Filters
from boogie.apps.tasks.monitoring.selection import Selection
from boogie.apps.tasks.monitoring.verbs import Verb

from . import keyset

#: Rows are counted up to here.
CAP = 1000
#: A page is good for so many seconds.
MAX_AGE = 24 * 3600
SALT = "boogie_tasks.selection"

STATUSES = [str(status) for status, _label in states.STATUS]


def posted(request: HttpRequest) -> Selection:
    """Return what the list, or whoever posts as it does, has chosen; raise ``FilterError``."""
    keys = None if request.POST.get("select_across") == "1" else tuple(_keys(request))
    return Selection(Filters.parse(request.GET), clock.read(Task.objects.on_primary().db), keys)


def _keys(request: HttpRequest) -> list[uuid.UUID]:
    found = []
    for text in request.POST.getlist("_selected_action"):
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue  # it is the key of no row
    return found


# --- what was shown to somebody -------------------------------------------------------


def signed(request: HttpRequest, verb: Verb, selection: Selection) -> str:
    """Return a selection as this user was shown it for this verb."""
    about = [str(request.user.pk), verb.name, selection.as_dict()]
    return signing.dumps(about, salt=SALT, compress=True)


def confirmed(request: HttpRequest, verb: Verb) -> Selection | None:
    """Return what was on the page that was confirmed; ``None`` if it was none of this verb's."""
    token = request.POST.get("selection")
    if not token:  # only what is named one by one can do without a page
        return None if request.POST.get("select_across") == "1" else posted(request)
    try:
        user, name, data = signing.loads(token, salt=SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return None
    is_this = user == str(request.user.pk) and name == verb.name
    return Selection.from_dict(data) if is_this else None


# --- how much it is -------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """A selection for a verb, ``among`` the rows that a user may see."""

    selection: Selection
    verb: Verb
    among: TaskQuerySet

    def counts(self) -> tuple[counting.Count, counting.Count]:
        """Return how many rows match, and how many of them can be moved; capped."""
        selection, verb = self.selection, self.verb
        if selection.keys is not None:
            sets = [selection.matching(self.among), selection.movable(verb, self.among)]
            matching, movable = counting.capped(sets, CAP)
            return matching, movable
        given = selection.filters.as_dict().get("status")
        asked = [given] if given else STATUSES
        known = walking.count(selection.filters.without("status"), asked, CAP, self.among)
        by_status = dict(zip(asked, known, strict=True))
        return _sum(by_status, asked), _sum(by_status, [s for s in asked if s in verb.sources])

    def first(self, size: int) -> tuple[list[Task], bool]:
        """Return the first rows that can be moved, and whether these are all."""
        selection, filters = self.selection, self.selection.filters
        if selection.keys is not None:
            rows = selection.movable(self.verb, self.among).order_by("-pk")
            found = list(rows[: size + 1])
            return found[:size], len(found) <= size
        order = keyset.Order(by_end=filters.as_dict().get("status") in states.ENDED).names()
        within = selection.within(self.verb, self.among)
        look = walking.look(filters, order, size, among=within)
        return look.rows, look.exhausted

    def named(self, most: int) -> Selection:
        """
        Return the selection of just the rows that are meant now, by their keys.

        Raise ``ValueError`` if they are more than ``most``.
        """
        rows = self.selection.movable(self.verb, self.among).order_by("pk")
        keys = tuple(rows.values_list("pk", flat=True)[: most + 1])
        if len(keys) > most:
            raise ValueError(f"more than {most} rows")
        return replace(self.selection, keys=keys)


def _sum(counts: dict[str, Any], statuses: list[str]) -> counting.Count:
    of = [counts[status] for status in statuses]
    total = sum(int(one) for one in of)
    is_more = total > CAP or any(one.is_capped for one in of)
    shown = min(total, CAP)
    return counting.Count(shown + is_more, shown)
