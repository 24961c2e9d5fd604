"""The row and its doorbell belong to the caller's transaction."""

import contextlib
import signal
import subprocess
import sys
import threading

import pytest
from django.db import connection, transaction

from boogie.apps.tasks import Task
from boogie.apps.tasks.broker import doorbell
from tests.project import services
from tests.project.blog import tasks
from tests.support.processes import PATIENCE, ROOT
from tests.support.project_worker import environment
from tests.workers.traces import runs_of

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]


@contextlib.contextmanager
def rolled_back():
    """A transaction, or a savepoint, of which nothing remains."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def rung(monkeypatch):
    """What was rung, and whether in a transaction; the bells do ring."""
    calls = []
    ring = doorbell.ring

    def recorded(rows):
        calls.append(([row.pk for row in rows], connection.in_atomic_block))
        return ring(rows)

    monkeypatch.setattr(doorbell, "ring", recorded)
    return calls


def elsewhere(question):
    """Return what ``question()`` answers on another connection."""
    answers = []

    def ask():
        try:
            answers.append(question())
        finally:
            connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(PATIENCE)
    return answers[0]


def test_a_rollback_leaves_no_row_and_sends_no_message(standing, post, rung):
    with rolled_back():
        row = tasks.count.delayed(post)
    assert not Task.objects.filter(pk=row.pk).exists()
    assert rung == []
    assert tasks.count.delayed(post).wait(PATIENCE) == 1
    assert str(row.pk) not in standing.log


def test_a_savepoint_that_is_rolled_back_takes_its_rows_along(standing, post, rung):
    with transaction.atomic():
        with rolled_back():
            lost = tasks.count.delayed(post)
        kept = tasks.count.delayed(post)
    assert kept.wait(PATIENCE) == 1
    assert not Task.objects.filter(pk=lost.pk).exists()
    assert str(lost.pk) not in standing.log


def test_a_row_is_seen_by_nobody_else_before_the_commit(standing, post, rung):
    with transaction.atomic():
        row = tasks.count.delayed(post)
        assert not elsewhere(Task.objects.filter(pk=row.pk).exists)
        assert rung == []
        assert str(row.pk) not in standing.log
    assert row.wait(PATIENCE) == 1
    assert rung == ([] if services.BROKER == "boogie" else [([row.pk], False)])


def test_a_producer_killed_between_commit_and_doorbell_has_its_row_run(standing, post):
    env = environment(tasks.count.app.conf.task_default_queue, tasks={"RING_AGAIN": 1})
    command = [sys.executable, "-m", "tests.workers.doorbells.dies_after_commit", str(post.pk)]
    done = subprocess.run(command, cwd=ROOT, env=env, timeout=PATIENCE, check=False)
    assert done.returncode == -signal.SIGKILL
    row = tasks.count.tasks(post).get()
    assert row.wait(PATIENCE) == 1
    assert runs_of(post) == 1
