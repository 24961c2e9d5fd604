"""Projects in zones, whichever way they are put there."""

import contextlib

import pytest
from django.db import connection
from django.test import override_settings

from tests.support.zones import CHANGES, tell


@pytest.fixture
def of_database():
    """Set ``TIME_ZONE`` in ``DATABASES``."""
    before = connection.settings_dict["TIME_ZONE"]
    yield tell
    tell(before)


@pytest.fixture(params=["USE_TZ = False", "TIME_ZONE in DATABASES", "TIME_ZONE"])
def live_in(request, of_database):
    """Return a function that puts the project into a zone, in one of three ways."""
    with contextlib.ExitStack() as stack:

        def move(zone):
            use_tz = request.param != "USE_TZ = False"
            stack.enter_context(override_settings(TIME_ZONE=zone, USE_TZ=use_tz))
            if request.param == "TIME_ZONE in DATABASES":
                of_database(zone)

        yield move


@pytest.fixture(params=[(zone, n) for zone in CHANGES for n in (0, 1)], ids=str)
def change(request, live_in):
    """The second before clocks are changed in the zone of the project."""
    zone, number = request.param
    live_in(zone)
    return CHANGES[zone][number]
