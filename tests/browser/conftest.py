"""
A browser, and the test project on servers for it. Needs Chromium and Playwright; else the tests
here are skipped, or with ``BOOGIE_REQUIRE_BROWSER=1`` fail.

``page`` fails its test for what the browser complains of: violations of the policy for content,
errors in the console, exceptions that nobody caught.

A test that fails leaves pictures of its pages in the folder that ``BOOGIE_SCREENSHOTS`` names.
"""

import pytest
from django.conf import settings
from django.test import Client

from tests.browser import world as worlds
from tests.support import browsers, web
from tests.support.project_worker import starting, unflushed, watched
from tests.support.queues import own_queue

OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed and "browser" in item.funcargs:
        browsers.take_pictures(item.funcargs["browser"], item.name)
        for one in watched:
            report.sections.append((f"worker {one.pid}", one.log[-20_000:]))
    return report


# Of the package, not of the session: Playwright has an event loop run in this thread as long as it
# lives, and Django would then refuse every query of every test that comes after.
@pytest.fixture(scope="package")
def browser():
    """Chromium, started once."""
    api = browsers.playwright()
    with pytest.MonkeyPatch.context() as patch, api.sync_playwright() as driver:
        # The loop only waits for the browser; no coroutine of it shares a connection with a test.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        chromium = driver.chromium.launch(executable_path=browsers.CHROMIUM, args=OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture
def complaints():
    """What the browser complained of. A test that expects some takes them out."""
    return []


@pytest.fixture
def page(browser, complaints):
    """A page in a fresh window."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(browsers.PATIENCE)
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []


@pytest.fixture(scope="package")
def queue():
    """The default queue of servers and workers, which no other session has."""
    with own_queue() as name:
        yield name


@pytest.fixture(scope="package")
def asgi_server(django_db_setup, queue, tmp_path_factory):
    """The project under ASGI, for all tests."""
    server = web.asgi(tmp_path_factory.mktemp("asgi") / "log")
    yield server
    server.stop()


@pytest.fixture(scope="package")
def wsgi_server(django_db_setup, queue, tmp_path_factory):
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


@pytest.fixture(scope="module")
def worker(django_db_setup, django_db_blocker, queue, tmp_path_factory):
    """One worker with one child for all tests of a module, whose rows stay until its end."""
    with unflushed(django_db_blocker), starting(tmp_path_factory.mktemp("worker"), queue) as start:
        yield start()


def cookies_of(user):
    """Return what a browser has when ``user`` is logged in, on whichever server."""
    client = Client()
    client.force_login(user)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    cookie = {"name": settings.SESSION_COOKIE_NAME, "value": key}
    return [{**cookie, "domain": "127.0.0.1", "path": "/"}]


@pytest.fixture
def login(page):
    """Return a function that has ``page`` be logged in as a user."""
    return lambda user: page.context.add_cookies(cookies_of(user))


@pytest.fixture
def plain(browser):
    """A page in a browser that runs no scripts."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_default_timeout(browsers.PATIENCE)
    yield page
    context.close()


# --- everything that there is to see --------------------------------------------------


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker, asgi_server):
    """Everything there is to see, for all tests of this module."""
    with unflushed(django_db_blocker):
        yield worlds.make()


@pytest.fixture(scope="module")
def cookies(world):
    """What a browser has when the superuser is logged in."""
    return cookies_of(world.root)


@pytest.fixture
def visit(site, world, cookies):
    """Return a function that goes to a page, logged in; skips pages that this broker has not."""

    def visit(page, name):
        page.context.add_cookies(cookies)
        if not worlds.go(page, site, world, name):
            pytest.skip("this broker carries no commands to workers")

    return visit
