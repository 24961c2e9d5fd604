"""
Figures that are taken in one process, in an empty database of the tests' own.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def prepared(**databases: Any) -> Iterator[None]:
    """
    Set Django up, and have a database for a block: as ``DATABASE`` says, or as given.

    In a checkout's environment, with the servers that the tests use.
    """
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.project.settings")
    from django.conf import settings

    if databases:
        settings.DATABASES = databases
    django.setup()
    from django.test.utils import get_runner

    runner: Any = get_runner(settings)(verbosity=0)
    runner.setup_test_environment()
    made = runner.setup_databases(aliases=["default"])
    try:
        yield
    finally:
        runner.teardown_databases(made)
