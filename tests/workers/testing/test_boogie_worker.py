"""The fixture ``boogie_worker``: a real worker for one test."""

import os
import signal
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from boogie.apps.tasks import Task, current_app
from boogie.apps.tasks.testing import worker as workers
from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.support import proc, small_tests
from tests.support.waiting import wait_until
from tests.workers.traces import new_user

pytestmark = pytest.mark.worker


@pytest.fixture
def post(transactional_db):
    return Post.objects.create(author=new_user(), title="post")


def family(worker):
    return [pid for pid in proc.members(proc.SESSION, worker.pid) if proc.is_alive(pid)]


def test_it_runs_what_the_test_queues_in_another_process(boogie_worker, post):
    row = tasks.count.delayed(post)
    row.wait(60)
    row.refresh_from_db()
    assert row.pid != os.getpid()
    assert row.worker.startswith("test-")
    assert boogie_worker.pid != os.getpid()
    assert "ready" in boogie_worker.log


def test_it_has_a_queue_that_no_other_worker_on_the_broker_has(boogie_worker, post):
    app = current_app.celery_app()
    name = current_app.setting(app, "task_default_queue")
    assert ("-test-" in name) is current_app.needs_ringing()
    row = tasks.count.delayed(post)
    row.wait(60)


def test_nothing_of_it_is_left(tmp_path, transactional_db):
    app = current_app.celery_app()
    before = current_app.setting(app, "task_default_queue")
    with workers.working(tmp_path / "log") as worker:
        wait_until(lambda: len(family(worker)) > 1)
        Task.objects.exists()
    wait_until(lambda: not family(worker), what="the worker and its children are gone")
    with pytest.raises(ChildProcessError):
        os.waitpid(worker.pid, os.WNOHANG)
    assert current_app.setting(app, "task_default_queue") == before
    assert "task_default_queue" not in app.conf.changes


@pytest.mark.once
def test_one_that_hangs_is_ended_by_force(tmp_path, transactional_db, monkeypatch):
    monkeypatch.setattr(workers, "END", 0.1)
    with workers.working(tmp_path / "log") as worker:
        os.kill(worker.pid, signal.SIGSTOP)
    wait_until(lambda: not family(worker), what="the worker and its children are gone")


@pytest.mark.once
def test_one_that_does_not_start_says_why(tmp_path, transactional_db, monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "no_such.settings")
    said = r"ended with 1\. Its output(?s:.*)No module named 'no_s"
    with pytest.raises(RuntimeError, match=said), workers.working(tmp_path / "log"):
        pass


@pytest.mark.once
def test_one_that_takes_too_long_to_start_says_so(tmp_path, transactional_db, monkeypatch):
    monkeypatch.setattr(workers, "START", 0.0)
    with pytest.raises(RuntimeError, match="not ready within 0 s"), workers.working(tmp_path / "l"):
        pass


@pytest.mark.once
def test_settings_that_nobody_can_import_are_refused(tmp_path, transactional_db, monkeypatch):
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE")
    said = pytest.raises(ImproperlyConfigured, match="Set DJANGO_SETTINGS_MODULE")
    with said, workers.working(tmp_path / "log"):
        pass


@pytest.mark.once
@pytest.mark.django_db
def test_a_test_that_never_commits_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match="Use transactional_db"), workers.working(tmp_path / "l"):
        pass


# --- in somebody else's project ---------------------------------------------------------

TEST = """
    import os
    from pathlib import Path

    from after.tasks import in_tasks
    from before.models import Note


    def test_it_runs(boogie_worker):
        Path("pid").write_text(str(boogie_worker.pid))
        row = in_tasks.delayed(Note.objects.create(text="ha"), times=3)
        assert row.wait(60) == "hahaha"
        row.refresh_from_db()
        assert row.pid != os.getpid()
        if os.environ.get("DIE"):
            os.kill(os.getpid(), 9)
"""

IN_MEMORY = """
    DATABASES["default"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
"""


@pytest.mark.once
def test_a_project_without_a_celery_app_or_a_broker(tmp_path):
    folder = small_tests.project(tmp_path, TEST)
    code, output = small_tests.by_pytest(folder, SMALL_BROKER="boogie://")
    assert (code, "1 passed" in output) == (0, True), output


@pytest.mark.once
def test_it_ends_with_a_session_that_is_killed(tmp_path):
    folder = small_tests.project(tmp_path, TEST)
    code, output = small_tests.by_pytest(folder, SMALL_BROKER="boogie://", DIE="1")
    assert code == -signal.SIGKILL, output
    pid = int(Path(folder, "pid").read_text())
    left = lambda: [each for each in proc.members(proc.SESSION, pid) if proc.is_alive(each)]  # noqa: E731
    wait_until(lambda: not left(), what="the worker ends")


def test_a_database_in_memory_is_refused_with_what_to_do(tmp_path):
    folder = small_tests.project(tmp_path, TEST, IN_MEMORY)
    code, output = small_tests.by_pytest(folder)
    assert code == 1
    assert "DATABASES['default']['TEST'] = {'NAME': BASE_DIR / 'test.sqlite3'}" in output
