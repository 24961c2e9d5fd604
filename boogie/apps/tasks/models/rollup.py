"""
What is kept of runs when their rows have gone: figures by minute, hour and day; versions.

Nothing is counted here.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from django.db import connections, models
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.fields import ExactCharField
from boogie.apps.tasks.db.moments import MomentField, in_utc

from .stored import StoredQuerySet

MINUTE, HOUR, DAY = "minute", "hour", "day"

#: Of all time; it begins where time does here. Such a rollup only grows, and is never deleted.
TOTAL, BEGINNING = "total", datetime(2000, 1, 1, tzinfo=UTC)

#: The outcome, of no task, by which failures to tell a broker of rows are counted.
RING_FAILED = "ring_failed"

#: Seconds of each span; an hour is counted from its minutes, a day from its hours.
SPANS = {MINUTE: 60, HOUR: 3600, DAY: 86400}

#: For how long rollups are kept.
KEPT = {MINUTE: timedelta(days=2), HOUR: timedelta(days=45), DAY: timedelta(days=730)}

#: What a rollup is of; and what it says.
KEY = ("start", "name", "queue", "outcome", "error_type")
FIGURES = ("count", "waited", "ran", "waits", "runs", "first", "last", "retries", "losses")

#: Rows of one statement.
BATCH = 200


def digest(span: str, start: datetime, *rest: str) -> str:
    """Return what stands for a key: an index over all of it is too wide for MySQL and MariaDB."""
    text = "\0".join([span, str(int(in_utc(start).timestamp())), *rest])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def floor(moment: datetime, span: str) -> datetime:
    """Return the beginning of the span, in UTC, in which a moment lies."""
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % SPANS[span], UTC)


class RollupQuerySet(StoredQuerySet["Rollup"]):
    """Rollups."""

    def between(self, span: str, since: datetime, until: datetime) -> Self:
        """Those of a span that begin at ``since`` or later, and before ``until``."""
        return self.filter(span=span, start__gte=since, start__lt=until)

    def get_by_natural_key(self, digest: str) -> "Rollup":
        """Return the one with this key, as ``loaddata`` asks for it."""
        return self.get(digest=digest)

    def totals(self) -> Self:
        """Those of all time."""
        return self.filter(span=TOTAL)

    def count_ring_failure(self) -> None:
        """Add one to the failures to tell a broker of rows."""
        key = (BEGINNING, "", "", RING_FAILED, "")
        first = Rollup.of(TOTAL, key, (0, 0, 0, [], [], Moment(), Moment(), 0, 0))
        same = self.filter(digest=first.digest)
        more = {"count": models.F("count") + 1, "last": Moment()}
        if not same.update(**more):
            self.bulk_create([first], ignore_conflicts=True)
            same.update(**more)

    def put(self, rollups: Iterable["Rollup"]) -> None:
        """Store them, in place of those with the same key."""
        with_target = connections[self.db].features.supports_update_conflicts_with_target
        self.bulk_create(
            rollups,
            batch_size=BATCH,
            update_conflicts=True,
            update_fields=FIGURES,
            unique_fields=["digest"] if with_target else None,
        )


class Rollup(models.Model):
    """What ended within a span of time: of one task and queue, with one outcome and error."""

    id = models.BigAutoField(primary_key=True)
    digest = models.CharField(max_length=32, unique=True, editable=False)
    span = models.CharField(_("span"), max_length=6, editable=False)
    start = MomentField(_("start"))
    name = ExactCharField(_("task"), max_length=255, editable=False)
    queue = ExactCharField(_("queue"), max_length=255, editable=False)
    outcome = models.CharField(_("outcome"), max_length=16, editable=False)
    #: Of failures.
    error_type = ExactCharField(_("error type"), max_length=255, editable=False)
    count = models.BigIntegerField(_("count"), editable=False)
    #: Sums, in microseconds.
    waited = models.BigIntegerField(_("waited"), editable=False)
    ran = models.BigIntegerField(_("ran"), editable=False)
    #: Histograms, packed as ``rollups/histograms.py`` says.
    waits = models.JSONField(_("waits"), editable=False)
    runs = models.JSONField(_("runs"), editable=False)
    #: When the first and the last of them ended.
    first = MomentField(_("first"))
    last = MomentField(_("last"))
    #: How often they were retried, and lost, before they ended.
    retries = models.BigIntegerField(_("retries"), default=0, editable=False)
    losses = models.BigIntegerField(_("losses"), default=0, editable=False)

    objects = RollupQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("rollup")
        verbose_name_plural = _("rollups")
        get_latest_by = "start"
        indexes = [models.Index(fields=["span", "start"], name="boogie_tasks_rollup_span")]

    def __str__(self) -> str:
        return f"{self.name} {self.outcome}: {self.count} in the {self.span} from {self.start}"

    def natural_key(self) -> tuple[str]:
        """Return what it is called in every database."""
        return (self.digest,)

    @classmethod
    def of(cls, span: str, key: tuple[Any, ...], figures: tuple[Any, ...]) -> "Rollup":
        """Make one from the values of :data:`KEY` and :data:`FIGURES`."""
        named = {**dict(zip(KEY, key, strict=True)), **dict(zip(FIGURES, figures, strict=True))}
        return cls(span=span, digest=digest(span, *key), **named)


class Watermark(models.Model):
    """How far rollups are counted. There is one."""

    id = models.SmallIntegerField(primary_key=True)
    #: What ended before that is counted for good.
    since = MomentField(_("since"))
    #: When a keeper is to look again.
    due = MomentField(_("due"), default=Moment)

    objects = StoredQuerySet["Watermark"].as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("watermark")
        verbose_name_plural = _("watermarks")

    def __str__(self) -> str:
        return f"counted until {self.since}"


class ReleaseQuerySet(StoredQuerySet["Release"]):
    """Versions."""

    def get_by_natural_key(self, version: str) -> "Release":
        """Return the one of this version, as ``loaddata`` asks for it."""
        return self.get(version=version)


class Release(models.Model):
    """A version of the project, as ``BOOGIE_TASKS["VERSION"]`` names it."""

    id = models.BigAutoField(primary_key=True)
    version = ExactCharField(_("version"), max_length=100, unique=True)
    #: When a worker with it started for the first time.
    seen = MomentField(_("seen"), default=Moment, db_index=True)

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"
        verbose_name = _("release")
        verbose_name_plural = _("releases")
        get_latest_by = "seen"

    def __str__(self) -> str:
        return self.version

    def natural_key(self) -> tuple[str]:
        """Return what it is called in every database."""
        return (self.version,)
