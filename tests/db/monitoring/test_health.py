"""What ``boogie_status`` and ``healthz`` find to be wrong."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client, override_settings
from django.utils import timezone

from boogie.apps.tasks import Worker
from boogie.apps.tasks.broker import inspect
from boogie.apps.tasks.keeper import thread
from boogie.apps.tasks.monitoring import health
from tests.project.shop.models import Product
from tests.support.rows import HOUR, stored
from tests.support.runs import declared
from tests.support.statements import statements

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("boogie.apps.tasks.urls"),
]

DEAD = "gone@host/1"
ME = "here@host/2"

nothing = declared(lambda product: None)


@pytest.fixture(autouse=True)
def _broker_answers(monkeypatch):
    monkeypatch.setattr(inspect, "answers", lambda: True)


def alive(worker_id=ME):
    thread.beat(worker_id, {"concurrency": 2, "queues": ["celery", "slow"]})
    return Worker.objects.get(pk=worker_id)


def waiting(age, **fields):
    """Store a queued row that might have started ``age`` ago."""
    then = timezone.now() - age
    return stored("queued", name=nothing.name, created=then, due=then, **fields)


class Answer:
    """What ``boogie_status`` and the page said, which must agree."""

    def __init__(self):
        output = io.StringIO()
        try:
            call_command("boogie_status", json=True, stdout=output)
            self.exit = 0
        except SystemExit as end:
            self.exit = end.code
        self.data = json.loads(output.getvalue())
        response = Client().get("/healthz")
        self.problems = response.json()["problems"]
        assert response.json()["healthy"] is self.data["healthy"] is (self.exit == 0)
        assert response.status_code == (503 if self.exit else 200)
        assert self.data["problems"] == self.problems


# --- what is wrong ----------------------------------------------------------------------


def test_an_idle_site_is_healthy_with_a_worker_and_without():
    assert Answer().problems == []
    alive()
    assert Answer().problems == []


def test_ended_and_paused_rows_and_rows_of_the_future_need_no_worker():
    for status in ("finished", "failed", "cancelled", "paused"):
        stored(status, name=nothing.name)
    nothing.schedule(3600, Product.objects.create(name="pen"))
    answer = Answer()
    assert answer.problems == []
    assert answer.data["oldest_due"] is None


def test_rows_that_are_due_without_a_worker_are_a_problem():
    waiting(timedelta(seconds=50))
    answer = Answer()
    assert answer.problems == ["rows are due and no worker is alive"]
    assert 50 <= answer.data["oldest_due"] < 110
    alive()
    assert Answer().problems == []


def test_a_worker_that_was_not_heard_of_is_not_alive():
    waiting(timedelta(seconds=50))
    alive()
    Worker.objects.update(seen=timezone.now() - HOUR)
    answer = Answer()
    assert answer.problems == ["rows are due and no worker is alive"]
    assert (answer.data["alive"], len(answer.data["workers"])) == (0, 1)
    with override_settings(BOOGIE_TASKS={"WORKER_TIMEOUT": 7200}):
        assert Answer().problems == []


def test_rows_that_wait_too_long_though_workers_live_are_stuck():
    alive()
    waiting(timedelta(minutes=4))
    assert Answer().problems == []
    waiting(timedelta(minutes=6))
    answer = Answer()
    (problem,) = answer.problems
    assert problem.startswith("1 row(s) are stuck")
    assert "boogie_top shows whether somebody serves their queues" in problem
    assert answer.data["stuck"] == 1
    with override_settings(BOOGIE_TASKS={"STUCK_AFTER": timedelta(hours=1)}):
        assert Answer().problems == []


def test_a_row_that_was_rung_again_is_still_stuck():
    """``due`` moves with every doorbell; for how long the row waits does not."""
    alive()
    row = waiting(HOUR)
    type(row).objects.filter(pk=row.pk).update(due=timezone.now() + HOUR)
    assert Answer().data["stuck"] == 1


def test_a_scheduled_row_waits_from_its_time_and_not_from_its_creation():
    alive()
    waiting(10 * HOUR, not_before=timezone.now() - timedelta(seconds=5))
    answer = Answer()
    assert answer.problems == []
    assert answer.data["oldest_due"] < 60


def test_stuck_rows_are_counted_up_to_a_cap(monkeypatch):
    alive()
    monkeypatch.setattr(health, "CAP", 2)
    for _ in range(3):
        waiting(HOUR)
    assert Answer().data["stuck"] == 2


def test_running_rows_of_dead_workers_are_orphans():
    alive()
    stored("running", name=nothing.name, worker=ME)
    stored("running", name=nothing.name, worker="process@call:host:1", started=timezone.now())
    assert Answer().problems == []
    stored("running", name=nothing.name, worker=DEAD)
    answer = Answer()
    assert answer.problems == ["1 running row(s) belong to dead workers"]
    assert answer.data["orphans"] == 1


def test_rows_whose_task_nobody_declares_are_a_problem():
    alive()
    for name in ("nobody.knows.b", "nobody.knows.a", "nobody.knows.a"):
        stored("paused", name=name)
    stored("finished", name="nobody.knew")
    declared(aliases=["db.health.renamed"])(lambda product: None)
    stored("paused", name="db.health.renamed")
    answer = Answer()
    assert answer.data["unknown"] == ["nobody.knows.a", "nobody.knows.b"]
    (problem,) = answer.problems
    assert problem.endswith("nobody.knows.a, nobody.knows.b")


def test_a_broker_that_does_not_answer_is_a_problem(monkeypatch):
    monkeypatch.setattr(inspect, "answers", lambda: False)
    answer = Answer()
    assert answer.problems == ["the broker does not answer"]
    assert answer.data["broker"] is False


def test_several_problems_are_all_told(monkeypatch):
    monkeypatch.setattr(inspect, "answers", lambda: False)
    waiting(HOUR)
    stored("running", worker=DEAD)
    stored("paused", name="nobody.knows")
    assert len(Answer().problems) == 4


# --- what it costs ----------------------------------------------------------------------


def test_probes_do_not_count_history():
    for name in ("finished", "failed", "cancelled", "queued"):
        stored(name, name=nothing.name)
    assert health.examine().rows == {"paused": 0, "queued": 1, "running": 0}
    with statements() as made:
        Client().get("/healthz")
    assert len(made) <= 6
    assert not [text for text in made if "finished" in text or "cancelled" in text]
