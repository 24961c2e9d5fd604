"""Playwright and Chromium, where they are installed."""

import os
from pathlib import Path

import pytest

REQUIRED = os.environ.get("BOOGIE_REQUIRE_BROWSER") == "1"

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))

MISSING = "no browser: apt-get install chromium (or name one in CHROMIUM); pip install playwright"

#: Milliseconds in which a page has to show what is expected, on a busy machine.
PATIENCE = 20_000


def playwright():
    """Return ``playwright.sync_api``; skip what needs it where it, or Chromium, is missing."""
    try:
        from playwright import sync_api
    except ImportError:
        sync_api = None
    if sync_api is None or not CHROMIUM.exists():
        if REQUIRED:
            raise RuntimeError(MISSING)
        pytest.skip(MISSING, allow_module_level=True)
    sync_api.expect.set_options(timeout=PATIENCE)
    return sync_api
