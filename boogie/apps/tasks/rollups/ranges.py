"""
Ranges of time that figures are asked for, and which rollups they are read from.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from boogie.apps.tasks.db import clock
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.models.rollup import DAY, HOUR, KEPT, MINUTE, SPANS, floor
from boogie.apps.tasks.monitoring.conditions import FilterError, moment

#: Ranges that end now, by their names in a URL.
RANGES = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
USUAL = "24h"

#: The rollups of a series, and seconds between its points: up to which length of a range.
SERIES = (
    (timedelta(hours=2), MINUTE, 60),
    (timedelta(hours=8), MINUTE, 300),
    (timedelta(hours=36), MINUTE, 900),
    (timedelta(days=14), HOUR, 3600),
    (KEPT[DAY], DAY, 86400),
)

Piece = tuple[str, datetime, datetime]


@dataclass(frozen=True)
class Range:
    """
    From ``since`` on and before ``until``, both in UTC; ``since`` is where a point begins.

    ``name``: that of the range, or empty. ``step``: seconds between two points of a series,
    which is read from the rollups of ``span``.
    """

    since: datetime
    until: datetime
    name: str
    span: str
    step: int
    #: Whether it lasts until now.
    is_open: bool

    @classmethod
    def parse(cls, params: Mapping[str, Any]) -> "Range":
        """Take ``range``, or ``since`` and ``until``; raise :class:`FilterError`."""
        now = clock.here()
        name = str(params.get("range") or "")
        since, until = (_moment(params, each) for each in ("since", "until"))
        if since is None and until is None:
            if name and name not in RANGES:
                known = ", ".join(RANGES)
                text = _("range: there is no range %(name)r, only %(known)s.")
                raise FilterError("range", text % {"name": name, "known": known})
            return cls.of(now - RANGES[name or USUAL], now, now, name or USUAL)
        until = now if until is None else min(until, now)
        since = max(until - RANGES[USUAL] if since is None else since, now - KEPT[DAY])
        if since >= until:
            raise FilterError("since", _("since: the range must begin before it ends, and by now."))
        return cls.of(since, until, now)

    @classmethod
    def usual(cls) -> "Range":
        """Return the range of who asks for none."""
        return cls.parse({})

    @classmethod
    def of(cls, since: datetime, until: datetime, now: datetime, name: str = "") -> "Range":
        """Return the range from ``since`` to ``until``, with the finest points there are."""
        span, step = next(
            (span, step)
            for longest, span, step in SERIES
            if until - since <= longest and since >= now - KEPT[span]
        )
        begin = since.timestamp() // step * step
        return cls(datetime.fromtimestamp(begin, UTC), until, name, span, step, until >= now)

    @property
    def points(self) -> list[datetime]:
        """When the points of a series begin."""
        count = -int((self.since - self.until).total_seconds() // self.step)
        return [self.since + timedelta(seconds=n * self.step) for n in range(count)]

    @property
    def end(self) -> datetime:
        """The end of the last rollups of the range; what is left of today has none yet."""
        return _ceil(self.until, DAY if self.is_open else self.span)

    @property
    def pieces(self) -> list[Piece]:
        """The rollups that the range consists of, the longest that fit: span, since, until."""
        spans = list(SPANS)[list(SPANS).index(self.span) :]
        # Up from short ones to long ones, and down again.
        ends = [(fine, _ceil(self.since, longer)) for fine, longer in pairwise(spans)]
        ends += [(span, self.end) for span in reversed(spans)]
        found, at = [], self.since
        for span, end in ends:
            end = min(end, floor(self.end, span))
            if at < end:
                found.append((span, at, end))
                at = end
        return found


def _ceil(moment: datetime, span: str) -> datetime:
    start = floor(moment, span)
    return start if start == moment else start + timedelta(seconds=SPANS[span])


def _moment(params: Mapping[str, Any], name: str) -> datetime | None:
    text = str(params.get(name) or "").strip()
    return in_utc(moment(name, text)) if text else None
