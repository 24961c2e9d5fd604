"""Nights on which clocks are changed, as keepers live through them."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab

from boogie.apps.tasks import Task
from boogie.apps.tasks.testing import freeze
from tests.project.shop.models import Product

from .work import digest

pytestmark = pytest.mark.django_db

#: Of zones the local day, the hours that it has, and a time of it that is missing or comes twice.
#: Which rows are made is reckoned here; that a database keeps the moments two nights show.
NIGHTS = [
    ("Europe/Berlin", (2026, 3, 29), 23, (2, 30)),
    ("Europe/Berlin", (2026, 10, 25), 25, (2, 30)),
    *(
        pytest.param(*night, marks=pytest.mark.once)
        for night in [
            ("America/New_York", (2026, 3, 8), 23, (2, 30)),
            ("America/New_York", (2026, 11, 1), 25, (1, 30)),
            ("America/Sao_Paulo", (2018, 11, 4), 23, (0, 15)),
            ("Australia/Lord_Howe", (2026, 10, 4), 23.5, (2, 15)),
            ("Australia/Lord_Howe", (2026, 4, 5), 24.5, (1, 45)),
            ("Asia/Kathmandu", (2026, 3, 29), 24, (2, 30)),
        ]
    ),
]

STEP = timedelta(minutes=15)


@pytest.mark.parametrize(("zone", "day", "hours", "time"), NIGHTS)
def test_each_slot_of_a_night_makes_one_row(zone, day, hours, time, keep):
    product = Product.objects.create(name="lamp")
    begin = datetime(*day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    hour, minute = time
    with freeze(begin - timedelta(minutes=1)):
        using = digest.using(time_zone=zone)
        using.repeat(crontab(hour=hour, minute=minute), product, "nightly")
        using.repeat(crontab(minute="*/30"), product, "steps")
        digest.repeat(timedelta(hours=1), product, "hourly")
    moment, end = begin, begin + timedelta(hours=hours)
    while moment < end:
        with freeze(moment):
            keep()
            keep()
        moment += STEP
    counts = Counter(row.args[0] for row in Task.objects.all())
    assert (counts["nightly"], counts["steps"]) == (1, 2 * hours)
    assert abs(counts["hourly"] - hours) <= 1
