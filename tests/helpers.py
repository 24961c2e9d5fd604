"""What several rooms of tests share."""

import time


def wait_until(condition, timeout=60, pause=0.05):
    """Return the first true value of ``condition()``; fail when none came within ``timeout``."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{condition} was not met within {timeout} s")
        time.sleep(pause)
