"""
When the test that runs now began: what was made since has a higher id. No database is asked.

For ``unittest``, and so for Django's test cases and for any runner of them, a test begins right
before its ``setUp()``: behind ``setUpTestData()`` and fixtures. For functions of pytest, before the
first of its fixtures that is of this test alone.
"""

import functools
import unittest
import uuid
from typing import Any

from boogie.apps.tasks.db import clock, ids

#: The id that is below all those of the test; ``None``: no test has begun that we know of.
_mark: uuid.UUID | None = None

#: Whether pytest says when a test begins, of those of ``unittest`` as well.
_is_told = False


def mark() -> uuid.UUID | None:
    """Return an id below all those of rows that were made since the test began."""
    return _mark


def begin(told: bool = False) -> None:
    """Take note that a test begins here; ``told``: from now on the caller says so of every test."""
    global _mark, _is_told
    _mark = ids.uuid7()
    clock.forget_pretences()
    _is_told = _is_told or told


def watch_unittest() -> None:
    """Have ``unittest`` tell when a test begins; twice is once."""
    run: Any = unittest.TestCase.run
    if hasattr(run, "boogie_tasks"):
        return

    @functools.wraps(run)
    def noted(self: unittest.TestCase, *args: Any, **options: Any) -> Any:
        global _mark
        if _is_told:
            return run(self, *args, **options)
        before = _mark
        begin()
        try:
            return run(self, *args, **options)
        finally:
            _mark = before  # a test that has run another one goes on

    noted.boogie_tasks = True  # type: ignore[attr-defined]
    unittest.TestCase.run = noted  # type: ignore[method-assign]
