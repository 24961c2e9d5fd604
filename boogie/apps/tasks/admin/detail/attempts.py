"""
What became of each attempt of a row, as far as the row tells.

Rows keep an entry of each attempt that failed or was lost, and the times of the last one.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.admin import words
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.enqueue import times
from boogie.apps.tasks.exceptions import Superseded, WorkerLost
from boogie.apps.tasks.lifecycle import history, states
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.monitoring import describe, durations

RUNNING, FINISHED = states.RUNNING, states.FINISHED
FAILED, CANCELLED = states.FAILED, states.CANCELLED
RETRIED, RESCUED, AGAIN = "retried", "rescued", "again"

LABELS: dict[str, Promise] = {
    RUNNING: _("running"),
    FINISHED: _("finished"),
    FAILED: _("failed"),
    CANCELLED: _("cancelled"),
    RETRIED: _("failed, retried"),
    RESCUED: _("lost, rescued"),
    # Which way it came back is no longer known: by a retry, or by hand.
    AGAIN: _("failed, tried again"),
}

#: Attempts without entries that are listed one by one; more of them are counted.
GAP = 10

LOST = f"{WorkerLost.__module__}.{WorkerLost.__qualname__}"
SUPERSEDED = f"{Superseded.__module__}.{Superseded.__qualname__}"


@dataclass(frozen=True)
class Error:
    """What an attempt ended with."""

    kind: str
    message: str
    traceback: str

    @property
    def name(self) -> str:
        """The name of its class."""
        return self.kind.rpartition(".")[2]


@dataclass(frozen=True)
class Attempt:
    """
    One claim of a row. Times that nobody knows are ``None``.

    ``took``: of an attempt that is over, waiting and running together.
    """

    number: int
    outcome: str
    worker: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    waited: timedelta | None = None
    ran: timedelta | None = None
    took: timedelta | None = None
    error: Error | None = None
    #: So many attempts before this one are left out.
    left_out: int = 0

    @property
    def label(self) -> Promise:
        """What became of it, in words."""
        return LABELS[self.outcome]

    @property
    def waited_in_words(self) -> str:
        """How long it waited for a worker."""
        return words.duration(self.waited)

    @property
    def ran_in_words(self) -> str:
        """How long it ran."""
        return words.duration(self.ran)

    @property
    def took_in_words(self) -> str:
        """How long it took, with waiting."""
        return words.duration(self.took)


def of(row: Task) -> list[Attempt]:
    """Return the attempts of ``row``, the first one first."""
    story = _Story(row)
    found = []
    seen = 0
    for number in story.numbers():
        found.append(story.attempt(number, number - seen - 1))
        seen = number
    return found


def error_of(entry: dict[str, Any]) -> Error:
    """Return the error of an entry of ``errors``."""
    shown = describe.shown_entry(entry)
    kind, message, trace = (str(shown.get(key) or "") for key in ("type", "message", "traceback"))
    return Error(kind, message, trace)


class _Story:
    def __init__(self, row: Task) -> None:
        self.row = row
        told = [entry for entry in row.errors if entry.get("type") != SUPERSEDED]
        self.entries = {int(entry.get("attempt", 0)): entry for entry in told}
        #: Whether its last attempt gave way to a newer row, instead of another attempt.
        self.gave_way = row.status == CANCELLED and len(told) < len(row.errors)
        self.by_number = list(self.entries)
        #: Whether entries may be left out, behind the first ones.
        self.is_shortened = len(row.errors) >= history.FIRST + history.LAST
        #: How many of the entries are from after the last retry by hand.
        self.recent = row.retries + row.losses + (row.status == FAILED or self.gave_way)

    def numbers(self) -> list[int]:
        """Return the numbers of the attempts to be told of."""
        found: list[int] = []
        for place, number in enumerate([*self.by_number, self.row.attempt]):
            seen = found[-1] if found else 0
            between = range(seen + 1, number)
            is_told = len(between) <= GAP and not (self.is_shortened and place == history.FIRST)
            found += [*(between if is_told else ()), *([number] * (number > seen))]
        return found

    def attempt(self, number: int, left_out: int) -> Attempt:
        """Return what is known of one attempt."""
        entry = self.entries.get(number)
        outcome = self._outcome(number)
        if entry is None:
            times_of = self._times_of_last(number) if self._is_last(number) else {}
            return Attempt(number, outcome, left_out=left_out, **times_of)
        ended = _moment(entry)
        times_of = {"ended": ended, "took": self._took(number, ended)}
        if self._is_last(number) and outcome == FAILED:
            times_of = self._times_of_last(number)
        return Attempt(
            number,
            outcome,
            **{**times_of, "worker": str(entry.get("worker") or "")},
            error=error_of(entry),
            left_out=left_out,
        )

    def _is_last(self, number: int) -> bool:
        """Whether the times of the row are those of this attempt."""
        return number == self.row.attempt and self.row.started is not None

    def _times_of_last(self, number: int) -> dict[str, Any]:
        row = self.row
        return {
            "worker": row.worker,
            "started": row.started,
            "ended": row.ended,
            "waited": durations.waited(row) if number == 1 else self._waited_since(number),
            "ran": durations.ran(row),
        }

    def _waited_since(self, number: int) -> timedelta | None:
        """Return how long it was from the end of the attempt before, which led to this one."""
        before = self.entries.get(number - 1)
        since = _moment(before) if before else None
        if since is None or self._outcome(number - 1) not in (RETRIED, RESCUED):
            return None
        return _between(since, self.row.started)

    def _took(self, number: int, ended: datetime | None) -> timedelta | None:
        if number == 1:
            return _between(durations.might_run(self.row), ended)
        before = self.entries.get(number - 1)
        if before is None or self._outcome(number - 1) not in (RETRIED, RESCUED):
            return None
        return _between(_moment(before), ended)

    def _outcome(self, number: int) -> str:
        row = self.row
        if number not in self.entries:
            is_now = number == row.attempt and row.status in (RUNNING, FINISHED, FAILED, CANCELLED)
            return row.status if is_now else CANCELLED
        if number == row.attempt and (row.status == FAILED or self.gave_way):
            return str(row.status)
        age = len(self.by_number) - self.by_number.index(number)
        if age <= self.recent:
            return RESCUED if self._was_lost(number) else RETRIED
        if age == self.recent + 1 and not self._was_skipped(number + 1):
            return FAILED
        return AGAIN

    def _was_lost(self, number: int) -> bool:
        return bool(self.entries[number].get("type") == LOST)

    def _was_skipped(self, number: int) -> bool:
        """Whether an attempt was made after it, and cancelled: by hand that one came back."""
        is_over = number < self.row.attempt or (
            number == self.row.attempt and self.row.started is None
        )
        return is_over and number not in self.entries


def _between(begin: datetime | None, end: datetime | None) -> timedelta | None:
    if begin is None or end is None:
        return None
    return max(timedelta(), in_utc(end) - in_utc(begin))


def _moment(entry: dict[str, Any]) -> datetime | None:
    at = parse_datetime(str(entry.get("at") or ""))
    return None if at is None else times.stored(at)
