"""Times as they are stored: an active time zone is the user's, not the database's."""

from datetime import UTC, datetime

import pytest
from django.test import override_settings
from django.utils import timezone

from boogie.apps.tasks.enqueue.times import stored

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("active", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_without_time_zones_an_aware_time_is_stored_in_the_default_zone(active):
    with override_settings(USE_TZ=False, TIME_ZONE="Europe/Berlin"), timezone.override(active):
        assert stored(NOON) == datetime(2026, 7, 1, 14)
