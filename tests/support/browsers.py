"""Playwright and Chromium, where they are installed."""

import os
import re
from pathlib import Path

import pytest

REQUIRED = os.environ.get("BOOGIE_REQUIRE_BROWSER") == "1"

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))

MISSING = "no browser: apt-get install chromium (or name one in CHROMIUM); pip install playwright"

#: Where tests that fail leave pictures of their pages, if anywhere.
PICTURES = os.environ.get("BOOGIE_SCREENSHOTS", "")

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


def take_pictures(browser, name, folder=PICTURES):
    """Save what all pages of ``browser`` show, whole, in files called after a test."""
    pages = [page for context in browser.contexts for page in context.pages] if folder else []
    for number, page in enumerate(pages, 1):
        page.screenshot(path=Path(folder) / f"{_as_file(name)}-{number}.png", full_page=True)


def _as_file(name):
    return re.sub(r"[^\w-]+", "-", name).strip("-")[:120]
