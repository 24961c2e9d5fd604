"""The demo, on a small directory in place of the standard library."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from demo import worker
from demo.terminal import Stopped
from tests.support.servers.ports import accepts
from tests.support.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent

SOURCES = {
    "good.py": b"class A:\n    def f(self):\n        return self.f\n",
    "package/latin.py": b"# coding: latin-1\nname = '\xe9'\n",
    "package/odd.py": b'pattern = "\\d"\n',
    "package/empty.py": b"",
    "site-packages/foreign.py": b"installed = later",
    "bad_syntax.py": b"def f(:\n",
    "bad_coding.py": b"# coding: no-such-encoding\n",
}


@pytest.fixture
def sources(tmp_path):
    for name, content in SOURCES.items():
        path = tmp_path / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "sources"


@pytest.fixture
def environment(tmp_path):
    database = f"sqlite://{tmp_path}/demo.sqlite3"
    settings = {"DATABASE": database, "DJANGO_SETTINGS_MODULE": "demo.settings"}
    return {**os.environ, **settings, "BROKER": "boogie://"}


@pytest.fixture
def demo(tmp_path, environment):
    """Start the demo on a directory; end it with the test."""
    with contextlib.ExitStack() as stack:

        def start(source, *others):
            options = ["--source", str(source), "--log", str(tmp_path / "worker.log")]
            process = subprocess.Popen(
                [sys.executable, "-m", "demo", *options, *others],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.terminate)
            return process

        yield start


def rows(tmp_path, statement):
    with contextlib.closing(sqlite3.connect(tmp_path / "demo.sqlite3")) as connection:
        return connection.execute(statement).fetchall()


def test_the_demo_does_its_job_and_starts_over_when_it_is_run_again(demo, sources, tmp_path):
    process = demo(sources)
    output = process.communicate(timeout=120)[0]
    assert process.returncode == 0, output
    assert "100%  6 of 6" in output
    assert "bad_syntax.py: SyntaxError: invalid syntax" in output
    assert "bad_coding.py: SyntaxError: unknown encoding: no-such-encoding" in output
    assert ">>> analyse.clean(document, keep_last=True)\n  3\n" in output
    assert ">>> again == row, row.is_new, again.is_new\n  (True, True, False)\n" in output
    assert ">>> [row.wait(timeout=60) for row in rows]\n  [1, 2, 3]\n" in output
    assert "zip(rows, rows[1:]))\n  True\n" in output
    assert "using(after=rows).delayed(document).wait(timeout=60)\n  [1, 2, 3]\n" in output
    assert "edition.progress.fraction\n  ('finished', 1.0)\n" in output
    assert "latest().wait(timeout=60)\n  'New edition: 1 finished'\n" in output
    assert "document) == nightly\n  True\n" in output
    assert "== row.result\n  True\n" in output
    assert "2 failed: files that Python itself cannot parse" in output
    statuses = "SELECT status, COUNT(*) FROM boogie_tasks_task GROUP BY status ORDER BY status"
    assert rows(tmp_path, statuses) == [("failed", 2), ("finished", 12)]

    (sources / "good.py").unlink()
    output = demo(sources).communicate(timeout=120)[0]
    assert "starts over: 14 rows" in output
    assert "100%  5 of 5" in output
    assert "Warning" not in (tmp_path / "worker.log").read_text().replace("SecurityWarning", "")


#: A row that failed though Python can parse its file, one that waits, and a document without any.
COMPLAINTS = """
import sys
from pathlib import Path

import django
django.setup()
from django.core.management import call_command
from demo import verdict
from demo.library.models import Document
from demo.library.tasks import analyse

call_command("migrate", verbosity=0)
for name in sys.argv[1:]:
    Document.objects.create(path=name, size=0)
broken, lost, waiting, forgotten = Document.objects.order_by("pk")
for document in (broken, lost):
    try:
        analyse.call(document)
    except (SyntaxError, FileNotFoundError):
        pass
Path(lost.path).write_text("there = 'again'")
analyse.delayed(waiting)
print(*verdict.complaints(), sep="\\n")
"""


def test_a_failure_that_python_does_not_confirm_is_complained_of(sources, environment):
    names = [sources / name for name in ("bad_syntax.py", "lost.py", "good.py", "package/odd.py")]
    done = subprocess.run(
        [sys.executable, "-c", COMPLAINTS, *map(str, names)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    missing, queued, unexplained = done.stdout.splitlines()
    assert missing == "4 documents have 3 rows"
    assert queued == f"{names[2]} is still queued"
    assert unexplained.startswith(
        f"{names[1]} failed, though Python can parse it: FileNotFoundError"
    )


def test_a_worker_that_died_is_reported_with_the_end_of_its_log(tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "COMMAND", "celery -A no_such_module worker")

    def death(process):
        try:
            process.check()
        except Stopped as reason:
            return str(reason)

    with worker.running_worker(tmp_path / "worker.log") as process:
        reason = wait_until(lambda: death(process))
    assert reason.startswith("The worker died (with status ")
    assert "no_such_module" in reason


def test_an_interrupted_demo_leaves_no_worker(demo, tmp_path):
    process = demo(Path(os.__file__).parent)
    wait_until(lambda: " finished after " in worker_log(tmp_path))
    (pid,) = rows(tmp_path, "SELECT pid FROM boogie_tasks_worker")[0]
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert "Interrupted" in output
    assert "Warm shutdown" in worker_log(tmp_path)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def worker_log(tmp_path):
    log = tmp_path / "worker.log"
    return log.read_text() if log.exists() else ""


# --- the site at the end ----------------------------------------------------------------


class Visitor:
    """A browser without JavaScript: it keeps cookies, and fills in a form."""

    def __init__(self, url):
        self.url = url
        cookies = urllib.request.HTTPCookieProcessor()
        self._opener = urllib.request.build_opener(cookies)

    def get(self, path="", **posted):
        data = urllib.parse.urlencode(posted).encode() if posted else None
        with self._opener.open(self.url + path, data, timeout=30) as answer:
            return answer.read().decode()

    def log_in(self, name, password):
        form = self.get("admin/login/")
        token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', form)[1]
        self.get("admin/login/", csrfmiddlewaretoken=token, username=name, password=password)


def told(process):
    """Return the address and the login that the demo prints when its site answers."""
    output = ""
    while found := process.stdout.readline():
        output += found
        if login := re.search(r"Log in as +(\w+), password (\S+)", found):
            return re.search(r"The files +(\S+)", output)[1], *login.groups()
    raise AssertionError(output)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_the_site_at_the_end_shows_all_pages_and_ends_with_its_worker(
    demo, sources, tmp_path, number, status
):
    process = demo(sources, "--serve")
    url, name, password = told(process)
    port = int(re.fullmatch(r"http://127\.0\.0\.1:(\d+)/", url)[1])
    visitor = Visitor(url)
    assert "Log in" in visitor.get()
    visitor.log_in(name, password)
    pages = ["admin/boogie_tasks/task/", "admin/boogie_tasks/task/failures/"]
    pages += [f"admin/boogie_tasks/task/{page}/" for page in ("dashboard", "workers")]
    for page in pages:
        assert "boogie-nav" in visitor.get(page), page

    (document,) = rows(
        tmp_path,
        "SELECT object_id FROM boogie_tasks_task WHERE name LIKE '%count_words' "
        "AND status IN ('queued', 'running') ORDER BY id LIMIT 1",
    )[0]
    running = 'data-status="running"'
    shown = wait_until(lambda: running in (page := visitor.get(f"documents/{document}/")) and page)
    assert 'role="progressbar"' in shown
    assert "Count words" in shown

    workers = {pid for (pid,) in rows(tmp_path, "SELECT pid FROM boogie_tasks_worker")}
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == status
    assert not accepts(port)
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
