"""``manage.py boogie_top``: what one frame says, how it lives on a terminal, and what it costs."""

import contextlib
import io
import sys
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from boogie.apps.tasks import Progress, Task, Worker
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.keeper import thread
from boogie.apps.tasks.monitoring import glance
from tests.support.project_worker import environment
from tests.support.rows import stored
from tests.support.statements import statements
from tests.support.terminal import CTRL_C, on_a_terminal
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db

ME = "celery@here/1"


@pytest.fixture(autouse=True)
def _width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")


@pytest.fixture
def worker():
    thread.beat(ME, {"concurrency": 3, "queues": ["fast", "slow"]})
    return Worker.objects.get(pk=ME)


def frame(*options):
    """Return one frame, as it goes into a pipe."""
    out = io.StringIO()
    call_command("boogie_top", "--once", *options, stdout=out)
    return out.getvalue()


def line_with(text, found):
    (line,) = (line for line in found.splitlines() if text in line)
    return line


def running(name="top.tidy", **fields):
    return stored("running", name=name, **{"worker": ME, **fields})


# --- what a frame says ----------------------------------------------------------------


def test_a_frame_shows_a_worker_and_what_it_runs(worker):
    running("top.tidy")
    running("top.sweep")
    line = line_with("2 of 3", frame())
    assert "celery@here" in line
    assert "fast, slow" in line
    assert "sweep, tidy" in line
    assert "dead" not in line


def test_a_worker_that_was_not_heard_of_is_dead(worker):
    Worker.objects.update(seen=Moment(-3600))
    assert "dead, 1 h 0 min ago" in line_with("celery@here", frame())
    assert "0 worker(s) alive, 1 dead" in frame()


def test_a_frame_shows_how_far_a_running_row_is():
    now = timezone.now()
    running(progress=Progress(30, 40, "moving", 0.75), progressed=now)
    line = line_with("top.tidy", frame())
    assert "━" in line
    assert "75% moving" in line
    assert "1 h 0 min" in line


def test_a_bar_without_a_total_is_told_in_words():
    running(progress=Progress(1200, None, "pages"), progressed=timezone.now())
    line = line_with("top.tidy", frame())
    assert "1200 pages" in line
    assert "━" not in line


def test_a_bar_that_stands_still_is_stalled():
    running(progress=Progress(1, 2, "", 0.5), progressed=timezone.now() - timedelta(hours=1))
    assert "stalled, 50%" in line_with("top.tidy", frame())


def test_a_frame_shows_queues_and_which_of_them_nobody_serves(worker):
    for _ in range(3):
        stored("queued", queue="lost")
    stored("queued", queue="fast")
    found = frame()
    assert "nobody serves this queue" in line_with("lost", found)
    assert "3" in line_with(" lost", found)
    assert "1 h 0 min" in line_with(" lost", found)
    served = [line for line in found.splitlines() if line.strip().startswith("fast")]
    assert served
    assert "nobody" not in served[0]


def test_a_row_that_is_scheduled_does_not_wait():
    later = timezone.now() + timedelta(hours=1)
    stored("queued", queue="later", due=later, not_before=later)
    assert "later" not in frame()


def test_a_frame_shows_open_failures_by_task_and_type_of_error():
    for _ in range(2):
        stored("failed", name="top.break", error_type="builtins.ValueError")
    stored("failed", name="top.seen", error_type="builtins.KeyError", acknowledged=timezone.now())
    found = frame()
    line = line_with("top.break", found)
    assert "ValueError" in line
    assert "2" in line
    assert "top.seen" not in found


def test_a_frame_shows_how_much_ended_in_the_last_minutes():
    for _ in range(10):
        stored("finished", ended=timezone.now())
    stored("finished", ended=timezone.now() - timedelta(hours=1))
    stored("failed", ended=timezone.now())
    assert "2.0 finished a minute" in frame()
    assert "0.2 failed a minute" in frame()


def test_an_empty_frame_says_that_there_is_nothing():
    assert frame().count("none") == 4


def test_more_rows_than_a_frame_has_room_for_are_counted():
    for _ in range(25):
        running()
    assert "and 5 more" in frame()


# --- where it is written --------------------------------------------------------------


def test_what_goes_into_a_pipe_has_no_codes_of_a_terminal(worker):
    running(progress=Progress(1, 2, "", 0.5), progressed=timezone.now())
    stored("failed")
    assert "\x1b" not in frame()


def test_a_name_or_a_note_cannot_write_codes_of_a_terminal():
    note = "\x1b]0;title\x07\x1b[2J[bold]x[/bold]"
    running(progress=Progress(1, 2, note, 0.5), progressed=timezone.now())
    found = frame()
    assert "\x1b" not in found
    assert "[bold]x" in found


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(worker, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    running("top.a_name_that_is_as_long_as_names_may_be", progressed=timezone.now(),
            progress=Progress(1, 2, "a note of some length", 0.5))  # fmt: skip
    stored("failed", name="top.another_long_name", error_type="builtins.ZeroDivisionError")
    assert max(map(len, frame().splitlines())) <= columns


def test_where_rich_is_not_installed_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    with pytest.raises(CommandError, match=r'pip install "django-boogie\[cli\]"'):
        frame()


@pytest.mark.parametrize("interval", ["0", "-1", "nan", "inf", "often"])
def test_an_interval_that_is_none_is_refused(interval):
    with pytest.raises(CommandError, match="is no number of seconds above 0"):
        frame("--interval", interval)


# --- what it costs --------------------------------------------------------------------


def test_a_frame_takes_six_statements_whatever_there_is(worker):
    rows = [running(f"top.{n}") for n in range(3)]
    rows += [stored("failed", rows[0].object), stored("queued", rows[0].object)]
    frame()  # content types are remembered
    with statements() as sent:
        frame()
    assert len(sent) == 6


def test_a_glance_reads_no_more_rows_than_it_says(monkeypatch):
    for name in ("RUNNING", "WAITING", "FAILURES", "CAP"):
        monkeypatch.setattr(glance, name, 3)
    for _ in range(5):
        running()
        stored("queued", queue="q")
        stored("failed", name="top.fails", ended=timezone.now())
    seen = glance.glance()
    assert len(seen.running) == 3
    assert str(seen.running_count) == str(seen.queues[0].waiting) == "3+"
    assert [failure.number for failure in seen.failures] == [3]
    assert str(seen.ended["failed"]) == "3+"


# --- on a terminal --------------------------------------------------------------------


@contextlib.contextmanager
def looking(columns=120, lines=50):
    """Run the command on a terminal, anew every tenth of a second."""
    command = [sys.executable, "-m", "django", "boogie_top", "--interval", "0.1"]
    env = {**environment("top"), "TERM": "xterm-256color"}
    env.pop("COLUMNS", None)
    with on_a_terminal(command, env, columns, lines) as terminal:
        wait_until(lambda: "Running" in terminal.text, what="a frame is drawn")
        yield terminal


@contextlib.contextmanager
def no_table():
    """Have the database refuse to read our table, for a block."""
    table = Task._meta.db_table
    with connection.schema_editor() as editor:
        editor.alter_db_table(Task, table, "boogie_away")
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            editor.alter_db_table(Task, "boogie_away", table)


@pytest.mark.django_db(transaction=True)
def test_on_a_terminal_frames_follow_what_happens_until_ctrl_c_is_pressed():
    with looking() as terminal:
        assert "\x1b[?1049h" in terminal.text, "it has a screen of its own"
        running("top.comes_later")
        wait_until(lambda: "comes_later" in terminal.text, what="a frame shows the new row")
        terminal.press(CTRL_C)
        assert terminal.wait() == 0
        assert "Traceback" not in terminal.text
        assert terminal.text.rindex("\x1b[?1049l") > terminal.text.rindex("\x1b[?1049h")
        assert "\x1b[?25h" in terminal.text[terminal.text.rindex("\x1b[?25l") :], "no cursor"


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_for_a_moment_is_told_of_and_waited_for():
    running("top.before")
    with looking() as terminal:
        with no_table():
            wait_until(lambda: "does not answer" in terminal.text, what="it says so")
        running("top.afterwards")
        wait_until(lambda: "afterwards" in terminal.text, what="it goes on")
        terminal.press(CTRL_C)
        assert terminal.wait() == 0


@pytest.mark.django_db(transaction=True)
def test_a_single_frame_without_a_database_ends_with_2():
    with no_table(), pytest.raises(CommandError, match="does not answer") as refused:
        frame()
    assert refused.value.returncode == 2


@pytest.mark.django_db(transaction=True)
def test_a_small_terminal_is_enough():
    running("top.tidy")
    with looking(columns=40, lines=20) as terminal:
        wait_until(lambda: "tidy" in terminal.text, what="the row is shown")
        terminal.press(CTRL_C)
        assert terminal.wait() == 0
