"""
A browser, and the test project on servers for it. Needs Chromium and Playwright.

``page`` fails its test for what the browser complains of: violations of the policy for content,
errors in the console, exceptions that nobody caught.
"""

import os
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.support import web

REQUIRED = os.environ.get("BOOGIE_REQUIRE_BROWSER") == "1"

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))

OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

MISSING = "no browser: apt-get install chromium (or name one in CHROMIUM); pip install playwright"


def pytest_collection_modifyitems(items):
    """Every test here commits: the server is another process."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.django_db(transaction=True))


def playwright():
    """Return Playwright's entrance, if there is a browser for it."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sync_playwright = None
    if sync_playwright is None or not CHROMIUM.exists():
        (pytest.fail if REQUIRED else pytest.skip)(MISSING)
    return sync_playwright


# Of the package, not of the session: Playwright has an event loop run in this thread as long as it
# lives, and Django would then refuse every query of every test that comes after.
@pytest.fixture(scope="package")
def browser():
    """Chromium, started once."""
    start = playwright()
    with pytest.MonkeyPatch.context() as patch, start() as driver:
        # The loop only waits for the browser; no coroutine of it shares a connection with a test.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        with_chromium = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield with_chromium
        with_chromium.close()


@pytest.fixture
def complaints():
    """What the browser complained of. A test that expects some takes them out."""
    return []


@pytest.fixture
def page(browser, complaints):
    """A page in a fresh window."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture(scope="package")
def asgi_server(django_db_setup, tmp_path_factory):
    """The project under ASGI, for all tests."""
    server = web.asgi(tmp_path_factory.mktemp("asgi") / "log")
    yield server
    server.stop()


@pytest.fixture(scope="package")
def wsgi_server(django_db_setup, tmp_path_factory):
    """The project under WSGI, for all tests."""
    server = web.wsgi(tmp_path_factory.mktemp("wsgi") / "log")
    yield server
    server.stop()


@pytest.fixture
def site(transactional_db, asgi_server):
    """The project under ASGI: ``site("/admin/")`` is a URL."""
    return asgi_server


@pytest.fixture
def wsgi_site(transactional_db, wsgi_server):
    """The project under WSGI."""
    return wsgi_server


@pytest.fixture
def login(page):
    """Return a function that has ``page`` be logged in as a user, on whichever server."""

    def login(user):
        client = Client()
        client.force_login(user)
        key = client.cookies[settings.SESSION_COOKIE_NAME].value
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": key}
        page.context.add_cookies([{**cookie, "domain": "127.0.0.1", "path": "/"}])

    return login
