"""How ``boogie_status`` and ``healthz`` say what they found: text, JSON, exit status, HTTP."""

import io
import json
import os
import time
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from boogie.apps.tasks import Worker
from boogie.apps.tasks.broker import inspect
from boogie.apps.tasks.keeper import thread
from boogie.apps.tasks.monitoring import health, heartbeat_file
from tests.support.rows import stored
from tests.support.runs import declared

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("boogie.apps.tasks.urls"),
]

ME = "here@host/2"

OTHER = "there@host/3"

nothing = declared(lambda product: None)


@pytest.fixture(autouse=True)
def _broker_answers(monkeypatch):
    monkeypatch.setattr(inspect, "answers", lambda: True)


def alive():
    thread.beat(ME, {"concurrency": 2, "queues": ["celery", "slow"]})
    return Worker.objects.get(pk=ME)


def waiting():
    return stored("queued", name=nothing.name, created=timezone.now() - timedelta(hours=1))


def status(*options):
    """Return the exit status, the output and the errors of the command."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("boogie_status", *options, stdout=out, stderr=err)
    except SystemExit as end:
        return end.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_the_command_tells_of_workers_rows_and_broker():
    worker = alive()
    for name in ("queued", "queued", "paused", "finished"):
        stored(name, name=nothing.name, created=timezone.now())
    code, out, err = status()
    assert (code, err) == (0, "")
    assert "1 worker(s) alive" in out
    assert f"{ME}  pid {worker.pid}  celery, slow  concurrency 2" in out
    counts = "1 paused, 2 queued, 0 running, 1 finished, 0 failed, 0 cancelled"
    assert f"Rows: {counts}" in out
    assert "The oldest row that may run has waited" in out
    assert "Broker: answers" in out
    assert "PROBLEM" not in out


def test_the_command_tells_of_problems_and_exits_with_1(monkeypatch):
    monkeypatch.setattr(inspect, "answers", lambda: False)
    waiting()
    code, out, _ = status()
    assert code == 1
    assert "0 worker(s) alive" in out
    assert "Broker: does not answer" in out
    assert out.count("PROBLEM: ") == 2


def test_json_has_everything():
    alive()
    stored("failed", name=nothing.name)
    code, out, _ = status("--json")
    data = json.loads(out)
    (worker,) = data["workers"]
    assert code == 0
    assert worker.keys() == {"id", "host", "pid", "queues", "concurrency", "age", "uptime"}
    assert 0 <= worker["age"] < 60
    assert (data["alive"], data["rows"]["failed"], data["broker"]) == (1, 1, True)
    assert (data["healthy"], data["problems"]) == (True, [])


# --- limits ---------------------------------------------------------------------------


def of_version(version, key=ME):
    software = {"celery": "5.7"} | ({"project": version} if version else {})
    thread.beat(key, {"concurrency": 2, "queues": ["celery"], "software": software})


def problems(*options):
    code, out, _ = status("--json", *options)
    found = json.loads(out)["problems"]
    assert code == (1 if found else 0)
    return found


def test_a_row_that_has_waited_longer_than_max_age_is_a_problem():
    alive()
    stored("queued", name=nothing.name, created=timezone.now() - timedelta(seconds=100))
    assert problems("--max-age", "200") == []
    (problem,) = problems("--max-age", "50")
    assert problem == "the oldest row that may run has waited 100 s, longer than 50 s (--max-age)"


def test_more_rows_that_wait_than_max_waiting_are_a_problem_and_scheduled_ones_do_not_count():
    alive()
    now = timezone.now()
    for _ in range(3):
        stored("queued", name=nothing.name, created=now)
    for _ in range(2):
        stored("queued", name=nothing.name, created=now, not_before=now + timedelta(hours=1))
    assert problems("--max-waiting", "3") == []
    (problem,) = problems("--max-waiting", "2")
    assert problem == "3 row(s) wait that may run, more than 2 (--max-waiting)"
    assert json.loads(status("--json")[1])["waiting"] == 3


def test_without_rows_nothing_is_over_any_limit():
    alive()
    assert problems("--max-waiting", "0", "--max-age", "0") == []


def test_every_living_worker_has_to_run_the_required_version():
    of_version("2.0")
    assert problems("--require-version", "2.0") == []
    assert "version 2.0" in status()[1]
    of_version("1.9", OTHER)
    (problem,) = problems("--require-version", "2.0")
    assert problem == f"{OTHER} runs 1.9, not 2.0 (--require-version)"
    of_version(None, OTHER)
    (problem,) = problems("--require-version", "2.0")
    assert "VERSION" in problem
    Worker.objects.filter(pk=OTHER).update(seen=timezone.now() - timedelta(hours=1))
    assert problems("--require-version", "2.0") == []


def test_a_required_version_that_no_worker_runs_is_a_problem():
    (problem,) = problems("--require-version", "2.0")
    assert problem == "no worker is alive, none runs version 2.0 (--require-version)"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--max-age", "soon", "'soon' is no number of seconds, 0 or more"),
        ("--max-age", "-1", "'-1' is no number of seconds, 0 or more"),
        ("--max-age", "nan", "'nan' is no number of seconds, 0 or more"),
        ("--max-age", "inf", "'inf' is no number of seconds, 0 or more"),
        ("--max-waiting", "-1", "'-1' is no whole number, 0 or more"),
        ("--max-waiting", "1.5", "'1.5' is no whole number, 0 or more"),
    ],
)
def test_a_limit_that_is_none_is_refused(option, value, words):
    with pytest.raises(CommandError, match=words):
        call_command("boogie_status", f"{option}={value}")


# --- a file ---------------------------------------------------------------------------


@pytest.fixture
def no_database(monkeypatch, settings):
    """Nothing may be asked of a database, and none would answer."""

    def away(**extra):
        raise OperationalError("gone away")

    monkeypatch.setattr(health, "examine", away)
    with CaptureQueriesContext(connection) as asked:
        yield
    assert len(asked) == 0


def test_a_file_that_was_touched_a_moment_ago_is_a_sign_of_life(no_database, tmp_path):
    path = tmp_path / "worker"
    heartbeat_file.touch(path, 1)
    assert status("--heartbeat-file", str(path)) == (0, "The worker lives\n", "")
    assert json.loads(status("--heartbeat-file", str(path), "--json")[1])["healthy"]


@pytest.mark.parametrize("age", [21, -21])
def test_a_file_that_nobody_touches_is_a_problem_whichever_way_a_clock_was_set(
    no_database, tmp_path, age
):
    path = tmp_path / "worker"
    heartbeat_file.touch(path, 1)
    then = time.time() - age
    os.utime(path, (then, then))
    code, out, _ = status("--heartbeat-file", str(path))
    assert code == 1
    assert "was written 21 s ago, longer than WORKER_TIMEOUT (20 s)" in out
    heartbeat_file.touch(path, 1)
    assert status("--heartbeat-file", str(path))[0] == 0


def test_a_file_that_is_not_there_is_a_problem(no_database, tmp_path):
    code, out, _ = status("--heartbeat-file", str(tmp_path / "none"))
    assert code == 1
    assert "No such file or directory" in out


@pytest.mark.parametrize("path", ["", " "])
def test_an_empty_path_is_refused(no_database, path):
    with pytest.raises(CommandError, match="--heartbeat-file must be the path") as caught:
        status("--heartbeat-file", path)
    assert caught.value.returncode == 2


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink(".", path)])
def test_what_is_no_file_is_a_problem(no_database, tmp_path, make):
    path = tmp_path / "worker"
    make(path)
    code, out, _ = status("--heartbeat-file", str(path))
    assert code == 1
    assert "is no file, but a" in out
    assert not json.loads(status("--heartbeat-file", str(path), "--json")[1])["healthy"]


def test_a_file_cannot_be_asked_what_a_database_knows(no_database, tmp_path):
    with pytest.raises(CommandError, match="--max-age") as caught:
        status("--heartbeat-file", str(tmp_path / "none"), "--max-age", "1")
    assert caught.value.returncode == 2


def test_a_worker_takes_away_its_own_file_and_not_that_of_another(tmp_path):
    path = tmp_path / "worker"
    heartbeat_file.claim(path, 1)
    heartbeat_file.claim(path, 2)
    heartbeat_file.remove(path, 1)
    assert path.exists()
    heartbeat_file.remove(path, 2)
    assert not path.exists()


@pytest.mark.parametrize("error", [OperationalError("gone away"), InterfaceError("closed")])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_database_that_does_not_answer_is_exit_status_2_and_503(monkeypatch, error, options):
    def away(**extra):
        raise error

    monkeypatch.setattr(health, "examine", away)
    code, out, err = status(*options)
    assert (code, out) == (2, "")
    assert f"The database does not answer: {error}" in err
    response = Client().get("/healthz")
    assert response.status_code == 503
    assert response.json() == {"healthy": False, "problems": ["the database does not answer"]}


def test_the_page_shows_no_details_of_rows_and_may_not_be_cached():
    alive()
    waiting()
    response = Client().get("/healthz")
    assert response.json().keys() == {"healthy", "problems"}
    assert "no-store" in response["Cache-Control"]


def test_head_is_answered_as_get_without_a_body_and_nothing_else_is_allowed():
    assert Client().head("/healthz").status_code == 200
    waiting()
    response = Client().head("/healthz")
    assert (response.status_code, response.content) == (503, b"")
    for method in ("post", "put", "patch", "delete"):
        assert getattr(Client(), method)("/healthz").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_really_away_is_told_from_one_that_is_well(monkeypatch):
    connection.close()
    nowhere = {"NAME": "/nowhere/at.all"} if connection.vendor == "sqlite" else {"PORT": "1"}
    with monkeypatch.context() as patch:
        for key, value in nowhere.items():
            patch.setitem(connection.settings_dict, key, value)
        code, _, err = status()
        answer = Client().get("/healthz").status_code
        connection.close()
    assert (code, answer) == (2, 503)
    assert "The database does not answer" in err
    assert status()[0] == 0
    assert Client().get("/healthz").status_code == 200
