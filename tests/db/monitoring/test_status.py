"""How ``boogie_status`` and ``healthz`` say what they found: text, JSON, exit status, HTTP."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connection
from django.test import Client
from django.utils import timezone

from boogie.apps.tasks import Worker
from boogie.apps.tasks.broker import inspect
from boogie.apps.tasks.keeper import thread
from boogie.apps.tasks.monitoring import health
from tests.support.rows import stored
from tests.support.runs import declared

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("boogie.apps.tasks.urls"),
]

ME = "here@host/2"

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
