"""What the command line does about holds, and what shows how things are says of them."""

import io
import json
import sys

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command

from boogie.apps.tasks import Task, Worker, queues
from boogie.apps.tasks.broker import inspect
from boogie.apps.tasks.keeper import thread
from boogie.apps.tasks.models import Hold
from tests.project.shop import functions
from tests.support.rows import HOUR, stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db

clean = declared(
    lambda obj: str(obj), name="db.telling.clean", queue="slow", aliases=["db.telling.old"]
)


@pytest.fixture(autouse=True)
def _broker_answers(monkeypatch):
    monkeypatch.setattr(inspect, "answers", lambda: True)
    monkeypatch.setenv("COLUMNS", "140")


def command(name, *args):
    """Return the exit status of a command and what it printed."""
    out = io.StringIO()
    try:
        call_command(name, *args, stdout=out)
    except SystemExit as end:
        return end.code, out.getvalue().strip()
    except CommandError as error:
        return error.returncode, str(error)
    return 0, out.getvalue().strip()


def tasks(*args):
    return command("boogie_tasks", *args)


# --- boogie_tasks ---------------------------------------------------------------------


def test_a_queue_is_held_and_released():
    assert tasks("hold", "--queue", "slow", "--reason", "it moves") == (
        0, "hold: queue:slow is held",
    )  # fmt: skip
    assert Hold.objects.get().reason == "it moves"
    assert tasks("hold", "--queue", "slow") == (1, "hold: queue:slow was held already")
    assert tasks("release", "--queue", "slow") == (0, "release: queue:slow is released")
    assert tasks("release", "--queue", "slow") == (1, "release: queue:slow was not held")


def test_a_task_is_held_under_the_name_that_it_has_now():
    assert tasks("hold", "--task", "db.telling.old")[1] == "hold: task:db.telling.clean is held"
    assert clean.is_held
    assert tasks("release", "--task", "db.telling.old")[0] == 0
    assert not clean.is_held


def test_a_function_is_held_by_its_path():
    path = functions.add.module_path
    assert tasks("hold", "--task", path) == (0, f"hold: task:{path} is held")


def test_a_task_that_nobody_knows_is_refused_with_what_is_near_and_released_all_the_same():
    status, said = tasks("hold", "--task", "db.telling.clear")
    assert status == 2
    assert said.startswith("There is no task 'db.telling.clear'; is it db.telling.clean")
    Hold.objects.create(key="task:gone.away")
    assert tasks("release", "--task", "gone.away")[0] == 0


def test_who_asks_for_it_is_logged():
    ada = get_user_model().objects.create(username="ada")
    tasks("hold", "--queue", "slow", "--by", "ada", "--reason", "why")
    assert Hold.objects.get().by == ada
    assert LogEntry.objects.get().change_message == "Hold: why"
    assert tasks("hold", "--queue", "slow", "--by", "bob") == (2, "There is no user 'bob'.")


@pytest.mark.parametrize("args", [["--queue", ""], ["--queue", "a", "--reason", "x" * 1001]])
def test_what_cannot_be_is_refused(args):
    assert tasks("hold", *args)[0] == 2
    assert not Hold.objects.exists()


@pytest.mark.parametrize("args", [[], ["--queue", "a", "--task", "b"]])
def test_one_of_the_two_is_named(args):
    with pytest.raises(CommandError):
        call_command("boogie_tasks", "hold", *args, stderr=sys.stderr)


# --- boogie_status and boogie_top -----------------------------------------------------


def test_the_status_says_what_is_held_by_whom_and_why():
    ada = get_user_model().objects.create(username="ada")
    queues.hold("slow", by=ada, reason="it moves")
    clean.hold()
    said = command("boogie_status")[1]
    assert "Held: queue slow (no living worker serves this queue) by ada since 2" in said
    assert said.count(": it moves") == 1
    assert "Held: task db.telling.clean since 2" in said
    thread.beat("here@host/2", {"concurrency": 2, "queues": ["slow"]})
    assert "Held: queue slow by ada" in command("boogie_status")[1]
    found = json.loads(command("boogie_status", "--json")[1])["held"]
    assert [(one["kind"], one["name"], one["served"]) for one in found] == [
        ("queue", "slow", True),
        ("task", "db.telling.clean", None),
    ]


@pytest.mark.parametrize("hold", [lambda: queues.hold("slow"), clean.hold], ids=["queue", "task"])
def test_what_is_held_is_neither_stuck_nor_late(hold):
    thread.beat("here@host/2", {"concurrency": 2, "queues": ["slow"]})
    row = stored("queued", name=clean.name, queue="slow")
    Task.objects.update(created=row.created - HOUR)
    options = ("--max-age", "60", "--max-waiting", "0")
    status, said = command("boogie_status", *options)
    assert status == 1
    assert all(word in said for word in ("stuck", "--max-age", "--max-waiting"))
    hold()
    assert command("boogie_status", *options)[0] == 0
    stored("queued", name="db.telling.old", queue="slow", created=row.created - HOUR)
    assert command("boogie_status", *options)[0] == 0
    stored("queued", name=clean.name, queue="fast", created=row.created - HOUR)
    assert command("boogie_status")[0] == (0 if clean.is_held else 1)
    assert Worker.objects.exists()


def test_top_says_what_is_held():
    thread.beat("here@host/2", {"concurrency": 2, "queues": ["slow"]})
    queues.hold("slow")
    queues.hold("idle")
    clean.hold()
    said = command("boogie_top", "--once")[1]
    assert any("slow" in line and "held" in line for line in said.splitlines())
    assert "held, nobody serves this queue" in said
    assert "held: db.telling.clean" in said
