"""Which migrations a database lacks, as a worker sees it before it begins."""

import pytest
from celery.exceptions import WorkerShutdown
from celery.worker import state
from django.db import OperationalError, ProgrammingError, connection
from django.db.migrations.recorder import MigrationRecorder

from boogie.apps.tasks.worker import schema

pytestmark = pytest.mark.django_db

APP, LAST = "boogie_tasks", "0002_notify"


@pytest.fixture
def recorder():
    return MigrationRecorder(connection)


@pytest.fixture
def replacing(monkeypatch):
    """A release whose last migration is a squashed one."""
    known = {"0001_initial": [], LAST: [], "0001_all": ["0001_initial", LAST]}
    monkeypatch.setattr(schema, "_known", lambda: known)


def test_nothing_is_pending_where_all_are_applied():
    assert schema.compare(connection) == ([], [])


def test_what_is_not_applied_is_pending(recorder):
    recorder.record_unapplied(APP, LAST)
    assert schema.compare(connection) == ([LAST], [])


def test_what_only_the_database_knows_is_of_a_newer_release(recorder):
    recorder.record_applied(APP, "0003_more")
    recorder.record_applied("another", "0099_app")
    assert schema.compare(connection) == ([], ["0003_more"])


def test_a_squashed_migration_is_done_with_those_that_it_replaces(recorder, replacing):
    assert schema.compare(connection) == ([], [])


def test_those_that_are_replaced_are_done_with_the_squashed_one(recorder, replacing):
    for name in ("0001_initial", LAST):
        recorder.record_unapplied(APP, name)
    recorder.record_applied(APP, "0001_all")
    assert schema.compare(connection) == ([], [])


def test_half_of_those_that_are_replaced_leave_the_other_half_pending(recorder, replacing):
    recorder.record_unapplied(APP, LAST)
    assert schema.compare(connection) == ([LAST], [])


def test_tables_that_were_made_without_migrations_are_taken_as_they_are(recorder):
    for name in ("0001_initial", LAST):
        recorder.record_unapplied(APP, name)
    assert schema.compare(connection) == ([], [])


def test_without_tables_everything_is_pending(recorder, monkeypatch):
    for name in ("0001_initial", LAST):
        recorder.record_unapplied(APP, name)
    monkeypatch.setattr(schema, "_are_there", lambda connection: False)
    assert schema.compare(connection) == (["0001_initial", LAST], [])


def test_a_project_that_has_no_migrations_of_ours_has_none_pending(settings, recorder):
    recorder.record_unapplied(APP, LAST)
    settings.MIGRATION_MODULES = {APP: None}
    assert schema.compare(connection) == ([], [])


class Refusal(Exception):
    """As a driver's: no outage."""

    sqlstate = "42501"


def failing(monkeypatch, error):
    def compare(connection):
        raise error

    monkeypatch.setattr(schema, "compare", compare)


def test_a_database_that_is_away_is_not_waited_for(monkeypatch, caplog):
    failing(monkeypatch, OperationalError("gone away"))
    schema.wait(sleep=None)
    assert "Nobody knows whether migrations are pending: gone away" in caplog.text


def test_any_other_error_of_the_database_is_raised(monkeypatch):
    error = ProgrammingError("no permission")
    error.__cause__ = Refusal()
    failing(monkeypatch, error)
    with pytest.raises(ProgrammingError):
        schema.wait(sleep=None)


def test_it_is_said_once_a_minute_and_a_shutdown_is_obeyed(monkeypatch, recorder, caplog):
    recorder.record_unapplied(APP, LAST)
    clock = [1000.0]
    monkeypatch.setattr(schema.time, "monotonic", lambda: clock[0])

    def sleep(seconds):
        clock[0] += seconds
        if clock[0] > 1150:
            monkeypatch.setattr(state, "should_stop", 0)

    with pytest.raises(WorkerShutdown):
        schema.wait(sleep)
    assert caplog.text.count("lacks boogie_tasks.0002_notify") == 3
