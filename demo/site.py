"""The site at the end of the demo: its rows in the admin, and a page for each file."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

from demo.library.models import Document
from demo.library.tasks import analyse, check_style, count_words
from demo.terminal import Stopped, say
from demo.worker import ROOT, running_worker

HOST = "127.0.0.1"

VISITOR = "visitor"

#: Seconds within which the server must answer.
PATIENCE = 30

#: Where a visitor may begin.
PAGES = {
    "The files": "",
    "The tasks": "admin/boogie_tasks/task/",
    "The failures": "admin/boogie_tasks/task/failures/",
    "The dashboard": "admin/boogie_tasks/task/dashboard/",
}

#: Documents that are worked on while the visitor looks.
BUSY = 6


def serve(log: Path) -> None:
    """Serve the site, with a worker, until Ctrl-C."""
    with suppress(KeyboardInterrupt):
        _serve(log)
    say("\nThe server and the worker have ended.")


def _serve(log: Path) -> None:
    user, password = visitor()
    _give_work(user)
    with running_worker(log) as worker, running_server(log.with_name("site.log")) as url:
        say("\nA site with all of it, on this machine alone. Ctrl-C ends it.\n")
        for name, path in PAGES.items():
            say(f"  {name:<14} {url}{path}")
        say(f"  Log in as      {VISITOR}, password {password}")
        while True:
            worker.check()
            time.sleep(1)


def visitor() -> tuple[User, str]:
    """Make the visitor's login, with a password of this time."""
    visitor, _is_new = get_user_model().objects.update_or_create(
        username=VISITOR, defaults={"is_staff": True, "is_superuser": True}
    )
    password = secrets.token_urlsafe(9)
    visitor.set_password(password)
    visitor.save()
    return visitor, password


def _give_work(visitor: User) -> None:
    """Have something wait, run and fail, asked for by the visitor."""
    longest = Document.objects.order_by("-size")
    count_words.using(requested_by=visitor).each(longest[:BUSY], seconds=20)
    check_style.using(requested_by=visitor).each(longest[:BUSY], style="wide")
    for document in longest[:3]:
        analyse.using(requested_by=visitor).paused(document)
        count_words.using(requested_by=visitor).schedule(3600, document)


@contextmanager
def running_server(log: Path) -> Iterator[str]:
    """Run the server on a free port; give its URL."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        port = found.getsockname()[1]
    command = ["uvicorn", "demo.asgi:application", "--host", HOST, "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "demo.settings"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    try:
        _wait_for(process, port, log)
        yield f"http://{HOST}:{port}/"
    finally:
        process.send_signal(signal.SIGKILL)  # streams of open pages would hold it
        process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex((HOST, port)) == 0:
                return
        time.sleep(0.1)
    raise Stopped(f"The site does not answer. Its log:\n{log.read_text(errors='replace')}")
