"""Rows that ended at some moment, and keepers that count them."""

from datetime import UTC, timedelta

from boogie.apps.tasks.keeper import rollups
from boogie.apps.tasks.models import Watermark
from tests.support.rows import stored
from tests.support.zones import as_user, clock_at

SECOND = timedelta(seconds=1)


def ended(product, moment, status="finished", wait=2, run=3, **fields):
    """Store a row that ended at ``moment``, naive in UTC, after so many seconds."""
    end = moment.replace(tzinfo=UTC)
    started = end - run * SECOND
    times = {"created": started - wait * SECOND, "started": started, "ended": end}
    moments = {name: as_user(time.replace(tzinfo=None)) for name, time in times.items()}
    return stored(status, product, **{"attempt": 1, **moments, **fields})


def count_at(moment):
    """Count as the keepers do until nothing is left, at a moment by the database's clock."""
    with clock_at(moment):
        count_all(moment)


def count_all(moment):
    """Count until nothing is left, whoever did it last."""
    Watermark.objects.update(due=as_user(moment - SECOND))
    while rollups.count():
        pass
