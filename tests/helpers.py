"""Kept for ``tests/house/test_demo.py``: waiting is in ``tests/support/waiting.py``."""

from tests.support.waiting import wait_until

__all__ = ["wait_until"]
