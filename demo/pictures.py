"""
The pictures of the documentation: ``python -m demo.pictures`` (``make pictures``).

The demo's site with a day of made-up history, a worker and a browser: Playwright, and Chromium (or
what ``CHROMIUM`` names). What it makes besides the pictures is gone when it ends.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

PICTURES = Path(__file__).parent.parent / "docs/pictures"

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")

#: Files of this repository that the site has documents of: their names are short.
SOURCES = "boogie/apps/tasks/*/*.py"
#: Documents, and how many of them are worked on.
DOCUMENTS, BUSY = 60, 4

#: Pixels.
WIDE, LOW = {"width": 1180, "height": 760}, {"width": 1180, "height": 540}
PHONE = {"width": 400, "height": 800}

#: A picture may have so many bytes.
LIMIT = 120_000


class Camera:
    """A browser that is logged in, at a site."""

    def __init__(self, browser: Any, url: str, login: tuple[str, str]) -> None:
        self.browser, self.url = browser, url
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{url}admin/login/")
        page.fill("[name=username]", login[0])
        page.fill("[name=password]", login[1])
        page.click("[type=submit]")
        self._state = context.storage_state()
        context.close()

    def take(
        self,
        name: str,
        path: str,
        *,
        size: dict[str, int] = WIDE,
        dark: bool = False,
        then: Callable[[Any], None] = lambda page: None,
    ) -> None:
        """Take the picture ``name`` of a page, after ``then`` has been done on it."""
        context = self.browser.new_context(
            viewport=size,
            storage_state=self._state,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            locale="en-GB",
        )
        context.add_init_script("localStorage.setItem('django.admin.navSidebarIsOpen', 'false')")
        page = context.new_page()
        page.goto(self.url + path)
        page.wait_for_timeout(700)  # charts are drawn, and live pages have heard of news
        then(page)
        file = PICTURES / f"{name}.png"
        page.screenshot(path=file, animations="disabled")
        context.close()
        size_ = file.stat().st_size
        print(f"{file.name}: {size_ // 1000} kB")
        if size_ > LIMIT:
            raise SystemExit(f"{file.name} has {size_} bytes; at most {LIMIT} were wanted.")


def main() -> None:
    """Take the pictures that were asked for, or all."""
    parser = argparse.ArgumentParser(prog="python -m demo.pictures", description=__doc__)
    parser.add_argument("names", nargs="*", help="of pictures; all if none is given")
    names = parser.parse_args().names
    with tempfile.TemporaryDirectory() as directory:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "demo.settings",
            "DATABASE": f"sqlite://{directory}/pictures.sqlite3",
            "BROKER": "boogie://",
            "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright has an event loop in this thread
        }
        django.setup()
        _take_all(Path(directory), names)


def _take_all(directory: Path, names: list[str]) -> None:
    from playwright.sync_api import sync_playwright

    from demo import site
    from demo.worker import running_worker

    users = _prepare()
    visitor, password = site.visitor()
    PICTURES.mkdir(exist_ok=True)
    log = directory / "worker.log"
    with (
        running_worker(log),
        site.running_server(directory / "site.log") as url,
        sync_playwright() as driver,
    ):
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        camera = Camera(browser, url, (visitor.username, password))
        for name, options in _scenes([visitor, *users]).items():
            if not names or name in names:
                camera.take(name, **options)
        browser.close()


def _prepare() -> list[Any]:
    """Store documents, people and a day of history; return the people."""
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from demo import history
    from demo.library.models import Document

    call_command("migrate", verbosity=0)
    root = Path(__file__).parent.parent
    files = sorted(root.glob(SOURCES), key=lambda path: -path.stat().st_size)[:DOCUMENTS]
    Document.objects.bulk_create(
        Document(path=str(file.relative_to(root)), size=file.stat().st_size) for file in files
    )
    users = [User.objects.create_user(name) for name in ("ada", "grace", "tim")]
    history.make(users)
    return users


def _scenes(users: list[Any]) -> dict[str, dict[str, Any]]:
    """Have something go on; return the arguments of each picture, in the order of taking."""
    from demo.library.models import Document
    from demo.library.tasks import analyse, check_style, count_words

    longest = list(Document.objects.order_by("-size")[:12])
    _, ada, grace, _ = users
    count_words.using(requested_by=ada).each(longest[:BUSY], seconds=60)
    count_words.using(requested_by=grace).schedule(3600, longest[5])
    analyse.using(requested_by=grace).paused(longest[4])
    failed = check_style.tasks().failed().latest("created")
    busy = count_words.tasks(longest[0]).latest()
    _until_it_runs(busy)
    tasks, document = "admin/boogie_tasks/task/", f"admin/library/document/{busy.object_id}"
    start = f"{document}/boogie/{check_style.name}/"
    return {
        "live": {"path": f"documents/{busy.object_id}/", "size": {"width": 900, "height": 480}},
        "list": {"path": tasks, "size": {**WIDE, "height": 860}},
        "object": {"path": f"{document}/change/"},
        "form": {"path": start, "dark": True},
        "workers": {"path": f"{tasks}workers/", "size": LOW},
        "failures": {"path": f"{tasks}failures/", "size": LOW},
        "failure": {"path": f"{tasks}{failed.pk}/change/"},
        "phone": {"path": f"{tasks}{failed.pk}/change/", "size": PHONE},
        "dashboard": {"path": f"{tasks}dashboard/?range=24h", "size": {**WIDE, "height": 1000}},
    }


def _until_it_runs(row: Any) -> None:
    end = time.monotonic() + 30
    while not (row.progress and row.progress.fraction > 0.1):
        if time.monotonic() > end:
            raise SystemExit("The worker did not begin within 30 seconds.")
        time.sleep(0.2)
        row.refresh_from_db()


if __name__ == "__main__":
    main()
