"""The process that beats for a worker whose own threads are held up."""

import math
import signal
import sys

import pytest
from django.db import connection, connections
from django.test import override_settings

from boogie.apps.tasks import Worker
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.keeper import pacemaker, pacemaker_process, thread
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ME = "me@host/1"
HOUR = 3600


@pytest.fixture
def worker():
    """The row of a worker that was last seen an hour ago."""
    thread.beat(ME, {"queues": []})
    not_seen_for_an_hour()
    return Worker.objects.get()


@pytest.fixture
def beside(worker):
    """The pacemaker of that worker, which is this process; it has beaten once."""
    one = pacemaker.Pacemaker(ME)
    with override_settings(BOOGIE_TASKS={"HEARTBEAT": 0.2}):
        try:
            one.note_beat()
            wait_until(is_seen)
            yield one
        finally:
            one.stop()


def not_seen_for_an_hour():
    Worker.objects.update(seen=Moment(-HOUR))


def is_seen():
    return Worker.objects.alive(HOUR / 2).exists()


def beats_on():
    """Wait for beats from now on; a first one may have been on its way."""
    for _ in range(2):
        not_seen_for_an_hour()
        wait_until(is_seen)
    return True


def test_it_beats_as_long_as_the_worker_does_not(beside):
    assert beats_on()


def test_a_worker_without_a_row_gets_none():
    pacemaker_process.beat(Running(), Worker.objects.filter(pk=ME), 10)
    assert not Worker.objects.exists()
    thread.beat(ME, {"queues": []})
    not_seen_for_an_hour()
    pacemaker_process.beat(Running(), Worker.objects.filter(pk=ME), 10)
    assert is_seen()


class Running:
    """A worker that runs."""

    def has_gone(self):
        return False

    def is_stopped(self):
        return False


def test_it_ends_with_the_worker_and_is_waited_for(beside):
    process = beside._process
    beside.stop()
    assert process.returncode == 0
    beside.stop()


def test_it_goes_on_when_everything_is_asked_to_end(beside):
    beside._process.send_signal(signal.SIGINT)
    assert beats_on()
    beside._process.send_signal(signal.SIGTERM)
    assert beats_on()


@pytest.mark.skipif(connection.vendor == "sqlite", reason="there is no server to end a connection")
def test_it_connects_again_when_its_connection_was_cut(beside):
    cut_all_other_connections()
    assert beats_on()


def cut_all_other_connections():
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            assert cursor.rowcount
            return
        cursor.execute(
            "SELECT id FROM information_schema.processlist"
            " WHERE db = database() AND id <> connection_id()"
        )
        others = cursor.fetchall()
        assert others
        for (number,) in others:
            cursor.execute(f"KILL {number}")


def test_without_time_zones_it_beats_in_local_time():
    connection.close()  # a connection knows which zone it is in
    with override_settings(USE_TZ=False, TIME_ZONE="Asia/Kolkata"):
        thread.beat(ME, {"queues": []})
        one = pacemaker.Pacemaker(ME)
        not_seen_for_an_hour()
        one.note_beat()
        try:
            wait_until(is_seen)
            assert not Worker.objects.filter(seen__gt=Moment(HOUR / 2)).exists()
        finally:
            one.stop()
            connection.close()


def test_one_that_died_is_replaced(beside, monkeypatch, caplog):
    monkeypatch.setattr(pacemaker, "START_EVERY", 0)
    beside._process.kill()
    beside._process.wait(60)
    beside.note_beat()
    assert f"{ME} has no pacemaker (ChildProcessError: it ended with -9)" in caplog.text
    beside.note_beat()
    assert beats_on()


def test_one_that_can_never_beat_ends_and_the_worker_says_so(worker, monkeypatch, caplog):
    monkeypatch.setitem(connections["default"].settings_dict, "ENGINE", "no.such.engine")
    one = pacemaker.Pacemaker(ME)
    one.note_beat()
    one._process.wait(60)
    one.note_beat()
    assert f"{ME} has no pacemaker (ChildProcessError: it ended with 1)" in caplog.text


# --- where none can run -----------------------------------------------------------------


def has_started():
    one = pacemaker.Pacemaker(ME)
    one.note_beat()
    started = one._process is not None
    one.stop()
    return started


def test_a_worker_goes_on_without_one_and_says_what_that_means(worker, monkeypatch, caplog):
    assert has_started()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert not has_started()
    assert "has no pacemaker (FileNotFoundError: " in caplog.text
    assert "keeps this process busy for 20 s is taken for lost and run again" in caplog.text


def test_settings_that_do_not_travel_do_no_harm(worker, monkeypatch, caplog):
    monkeypatch.setitem(connections["default"].settings_dict["OPTIONS"], "hook", lambda: None)
    assert not has_started()
    assert "has no pacemaker" in caplog.text


def test_a_database_in_memory_is_shared_with_nobody(monkeypatch):
    assert pacemaker.can_be_shared()
    if connection.vendor == "sqlite":
        monkeypatch.setattr(connection, "is_in_memory_db", lambda: True)
        assert not pacemaker.can_be_shared()


def test_who_has_none_is_well_no_longer_than_its_heartbeat_is_believed(worker, monkeypatch):
    keeper = thread.Keeper(ME, {"queues": []}, None)
    keeper.pacemaker = pacemaker.Pacemaker(ME)
    keeper.beat()
    assert keeper._known_until == math.inf
    keeper.pacemaker.stop()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    keeper.beat()
    assert keeper._known_until < math.inf
