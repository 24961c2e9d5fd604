"""A worker on tables that are older than it waits; on newer ones it begins."""

import contextlib
import signal

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from boogie.apps.tasks import Worker
from boogie.apps.tasks.monitoring import heartbeat_file
from tests.project.blog import tasks
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

LAST = ("boogie_tasks", "0002_notify")


@pytest.fixture
def pending():
    """A migration that is not applied, until the block ends."""
    recorder = MigrationRecorder(connection)

    @contextlib.contextmanager
    def one():
        recorder.record_unapplied(*LAST)
        try:
            yield
        finally:
            recorder.record_applied(*LAST)

    return one


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_a_worker_waits_for_a_pending_migration_and_begins_when_it_is_done(
    worker, user, tmp_path, pending, pool
):
    file = tmp_path / "alive"
    with pending():
        row = tasks.whereabouts.delayed(user)
        one = worker(ready=False, pool=pool, tasks={"HEARTBEAT_FILE": str(file)})
        one.until_logged("lacks boogie_tasks.0002_notify; this worker waits for it")
        assert "manage.py migrate boogie_tasks" in one.log
        before = file.stat().st_mtime_ns
        wait_until(lambda: file.stat().st_mtime_ns > before, PATIENCE)
        assert heartbeat_file.problem(file) is None
        assert not Worker.objects.exists()
        row.refresh_from_db()
        assert row.is_queued
        assert not one.has_started()
    one.until_ready()
    (ended,) = all_ended(row)
    assert (ended.status, ended.attempt) == ("finished", 1)
    assert one.log.count("lacks") == 1


@pytest.mark.once
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_a_worker_that_waits_can_be_ended(worker, tmp_path, pending, number, pool):
    file = tmp_path / "alive"
    with pending():
        one = worker(ready=False, pool=pool, tasks={"HEARTBEAT_FILE": str(file)})
        one.until_logged("this worker waits for it")
        one.signal(number)
        assert one.ends()
        assert not file.exists()
    assert "Traceback" not in one.log


def test_a_worker_begins_on_tables_of_a_newer_release_and_says_so(worker, user):
    newer = ("boogie_tasks", "9999_from_the_future")
    recorder = MigrationRecorder(connection)
    recorder.record_applied(*newer)
    try:
        one = worker()
        assert tasks.whereabouts.delayed(user).wait(PATIENCE)["attempt"] == 1
    finally:
        recorder.record_unapplied(*newer)
    assert "does not know boogie_tasks.9999_from_the_future" in one.log
