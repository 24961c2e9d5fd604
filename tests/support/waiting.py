"""Waiting for what is to come true: with a limit, and never for a time alone."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(
    condition: Callable[[], T], timeout: float = 60.0, pause: float = 0.05, what: object = None
) -> T:
    """
    Return the first true value of ``condition()``.

    Raises ``TimeoutError``, which says ``what`` was waited for, when none came within ``timeout``
    seconds.
    """
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what or condition}: not within {timeout:g} s")
        time.sleep(pause)
