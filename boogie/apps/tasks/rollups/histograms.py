"""
Histograms of durations, whose bounds are fixed: those of any rollups can be added up.

A bucket reaches a tenth of a decade, 26 %; the first holds what is shorter than 1 ms, the
last what is longer than eleven days. In memory a histogram is counts by bucket; in a column
it is a list: the lowest bucket, then its count and those of the buckets that follow.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import FloatField, Value
from django.db.models.functions import Cast, Floor, Greatest, Least, Ln

#: Counts by bucket.
Histogram = dict[int, int]

#: Buckets of a decade; microseconds at which the second bucket begins; the last bucket.
PER_DECADE, UNIT, LAST = 10, 1000, 90

#: What a logarithm may lack at the bounds of a bucket.
ROUNDING = 1e-9


def bucket(microseconds: Any) -> Any:
    """Return the expression of the bucket of one in microseconds, which is not null."""
    decades = Ln(Cast(Greatest(microseconds, Value(1)), FloatField())) / math.log(10)
    place = Floor((decades - math.log10(UNIT)) * PER_DECADE + (1 + ROUNDING))
    return Least(Greatest(place, Value(0.0)), Value(float(LAST)), output_field=FloatField())


def pack(counts: Mapping[int, int]) -> list[int]:
    """Return a histogram as a column has it."""
    if not counts:
        return []
    lowest, highest = min(counts), max(counts)
    return [lowest, *(counts.get(place, 0) for place in range(lowest, highest + 1))]


def add(counts: Histogram, packed: Sequence[int]) -> None:
    """Add a packed histogram to ``counts``."""
    merge(counts, enumerate(packed[1:], packed[0] if packed else 0))


def merge(counts: Histogram, others: Iterable[tuple[int, int]]) -> None:
    """Add the counts of other buckets to ``counts``."""
    for place, count in others:
        if count:
            counts[place] = counts.get(place, 0) + count


def beyond(counts: Mapping[int, int], before: Mapping[int, int]) -> Histogram:
    """Return the buckets that have more than they had before, and how much more."""
    more = {place: count - before.get(place, 0) for place, count in counts.items()}
    return {place: count for place, count in more.items() if count > 0}


def up_to(counts: Mapping[int, int], places: Iterable[int]) -> list[int]:
    """Return how many were measured in all buckets up to each of ``places``, which ascend."""
    found, rest, seen = [], sorted(counts), 0
    for last in places:
        while rest and rest[0] <= last:
            seen += counts[rest.pop(0)]
        found.append(seen)
    return found


def percentile(counts: Mapping[int, int], share: float) -> float | None:
    """Return the seconds that ``share`` of what was measured did not exceed; about 10 % off."""
    rest = share * sum(counts.values())
    for place in sorted(counts):
        if rest <= counts[place]:
            return _within(place, rest / counts[place])
        rest -= counts[place]
    return None


def _within(place: int, share: float) -> float:
    """Return the seconds at a share of a bucket, which is filled evenly on its own scale."""
    if place == 0:
        return share * UNIT / 1e6
    return UNIT / 1e6 * float(10 ** ((place - 1 + share) / PER_DECADE))
