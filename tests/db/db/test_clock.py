"""The database's clock, as this process reads it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings

from boogie.apps.tasks.db import clock

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_it_is_the_same_moment_whatever_the_zone_of_the_project(use_tz, zone):
    with override_settings(USE_TZ=use_tz, TIME_ZONE=zone):
        assert abs(clock.read("default") - datetime.now(UTC)) < timedelta(minutes=5)
