"""
A plugin of pytest with which Celery's integration tests know ``boogie://``: Django is set up, on a
database of their own.
"""

import json
import os
from collections.abc import Iterator

os.environ["DJANGO_SETTINGS_MODULE"] = "suites.settings"
# A worker would serve the queue of a backend of ours, too; these tests want one queue.
IMMEDIATE = "django.tasks.backends.immediate.ImmediateBackend"
os.environ["SUITES_TASKS"] = json.dumps({"default": {"BACKEND": IMMEDIATE}})

import django  # noqa: E402
import pytest  # noqa: E402

django.setup()

from django.db import connection  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def database() -> Iterator[None]:
    """Make the database; processes that tests start find it by the environment."""
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    yield
    connection.creation.destroy_test_db(":", verbosity=0)
