"""What the operating system tells of processes: one that is there is never taken for gone."""

import os
import signal
import subprocess

import pytest

from boogie.apps.tasks.keeper.beside import processes
from tests.support.idle import idle_process
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(not processes.place(), reason="only Linux tells")


@pytest.fixture
def process():
    """A process that waits until its standard input ends."""
    with idle_process() as one:
        yield one


def test_who_lives_is_there(process):
    begun = processes.born(process.pid)
    assert begun > 0
    assert not processes.is_gone(process.pid, begun)
    assert not processes.is_gone(process.pid)


def test_who_is_stopped_is_there(process):
    begun = processes.born(process.pid)
    process.send_signal(signal.SIGSTOP)
    assert not processes.is_gone(process.pid, begun)
    process.send_signal(signal.SIGCONT)


def test_who_was_killed_is_gone_before_anybody_has_taken_note(process):
    process.kill()
    wait_until(lambda: processes.is_gone(process.pid), 30)
    assert process.returncode is None


def test_who_was_killed_is_gone(process):
    begun = processes.born(process.pid)
    process.kill()
    process.wait()
    assert processes.is_gone(process.pid, begun)
    assert processes.born(process.pid) == 0


def test_another_process_with_the_number_is_not_the_one_that_was_meant(process):
    begun = processes.born(process.pid)
    assert processes.is_gone(process.pid, begun - 1)
    assert not processes.is_gone(process.pid, begun)


def test_a_name_with_brackets_is_read_over(tmp_path):
    program = tmp_path / "a ) R (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as one:
        wait_until(lambda: b"R (b" in (processes.PROC / f"{one.pid}/stat").read_bytes(), 30)
        assert processes.born(one.pid) > processes.born(os.getpid())
        assert not processes.is_gone(one.pid, processes.born(one.pid))
        one.kill()


def test_of_whom_nothing_is_told_is_there(process, monkeypatch, tmp_path):
    monkeypatch.setattr(processes, "PROC", tmp_path)
    assert not processes.is_gone(process.pid, 7)
    assert processes.born(process.pid) == 0
    process.kill()
    process.wait()
    assert processes.is_gone(process.pid, 7)


def test_where_others_processes_are_told_of_nobody_is_seen(monkeypatch, tmp_path):
    """Another namespace's /proc: there this process has another number."""
    processes.place.cache_clear()
    assert processes.place()
    processes.place.cache_clear()
    for name in ("sys", str(os.getpid())):
        (tmp_path / name).symlink_to(processes.PROC / name)
    (tmp_path / "self").symlink_to("1")
    (tmp_path / "1").symlink_to(processes.PROC / "self")
    monkeypatch.setattr(processes, "PROC", tmp_path)
    assert processes.place() == ""
    processes.place.cache_clear()


def test_where_nothing_is_told_nobody_is_seen(monkeypatch, tmp_path):
    processes.place.cache_clear()
    monkeypatch.setattr(processes, "PROC", tmp_path)
    assert processes.place() == ""
    processes.place.cache_clear()
