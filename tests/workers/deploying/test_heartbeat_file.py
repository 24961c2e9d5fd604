"""The heartbeat file of a worker: fresh while it lives, stale when it hangs, gone when it ends."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from django.db import connection

from boogie.apps.tasks import Worker
from boogie.apps.tasks.monitoring import heartbeat_file
from tests.project import services
from tests.project.blog import tasks
from tests.support.processes import PATIENCE
from tests.support.servers.proxy import Proxy
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, has_begun, let_go

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

TIMES = {"HEARTBEAT": 1, "WORKER_TIMEOUT": 4}
POOLS = ["prefork", "threads", "solo"]


@pytest.fixture(autouse=True)
def _short(settings):
    """This process judges as the worker does."""
    settings.BOOGIE_TASKS = TIMES


@pytest.fixture
def file(tmp_path):
    return tmp_path / "alive"


@pytest.fixture
def start(worker, file):
    """A function that starts a worker with such a file."""
    return lambda *options, **more: worker(
        *options, tasks={**TIMES, "HEARTBEAT_FILE": str(file)}, **more
    )


def is_fresh(file):
    return heartbeat_file.problem(file) is None


def touched_again(file):
    """Wait until the file was touched, from now on."""
    before = file.stat().st_mtime_ns
    wait_until(lambda: file.stat().st_mtime_ns > before, PATIENCE)


@pytest.mark.parametrize("pool", POOLS)
def test_it_is_there_when_the_worker_is_ready_and_goes_with_a_warm_end(start, file, pool):
    one = start(pool=pool)
    assert file.read_text() == f"{one.pid}\n"
    touched_again(file)
    one.terminate()
    one.wait()
    assert not file.exists()
    assert not Worker.objects.exists()


@pytest.mark.once
@pytest.mark.parametrize("pool", POOLS)
def test_it_goes_stale_when_the_worker_stands_still_and_fresh_when_it_goes_on(start, file, pool):
    one = start(pool=pool)
    assert is_fresh(file)
    one.signal(signal.SIGSTOP)
    wait_until(lambda: not is_fresh(file), PATIENCE)
    one.signal(signal.SIGCONT)
    wait_until(lambda: is_fresh(file), PATIENCE)


@pytest.mark.once
def test_it_goes_stale_when_the_worker_is_killed_and_the_next_worker_takes_it_over(start, file):
    one = start()
    one.kill()
    assert file.exists()
    wait_until(lambda: not is_fresh(file), PATIENCE)
    other = start()
    assert is_fresh(file)
    assert file.read_text() == f"{other.pid}\n"


@pytest.mark.once
@pytest.mark.parametrize("pool", ["threads", "solo"])
def test_a_body_that_keeps_the_interpreter_to_itself_leaves_it_fresh(
    start, post, file, tmp_path, pool
):
    start(pool=pool)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    row = tasks.hog.delayed(post, str(fifo))
    wait_until(lambda: has_begun(post), PATIENCE)
    end = time.monotonic() + TIMES["WORKER_TIMEOUT"] * 1.5
    while time.monotonic() < end:  # the worker's own thread touches nothing meanwhile
        assert is_fresh(file)
        touched_again(file)
    fifo.write_text(".")
    assert row.wait(PATIENCE) < 5


@pytest.mark.once
def test_while_a_worker_ends_warmly_it_stays_until_the_last_body_has_ended(start, post, file):
    one = start()
    row = tasks.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    one.terminate()
    one.until_logged("Warm shutdown")
    touched_again(file)
    touched_again(file)
    let_go(post)
    (ended,) = all_ended(row)
    one.wait()
    assert ended.is_finished
    assert not file.exists()


@pytest.mark.once
def test_children_that_are_replaced_do_not_stop_it(start, user, file):
    one = start("--max-tasks-per-child", "1", python=("-W", "always"))
    all_ended(*(tasks.whereabouts.delayed(user) for _ in range(5)))
    touched_again(file)
    assert "fork()" not in one.log


@pytest.mark.once
def test_a_file_that_cannot_be_written_is_told_of_and_tasks_run(worker, user, tmp_path):
    nowhere = str(tmp_path / "none" / "alive")
    one = worker(tasks={**TIMES, "HEARTBEAT_FILE": nowhere})
    assert tasks.whereabouts.delayed(user).wait(PATIENCE)["attempt"] == 1
    assert f"The heartbeat file {nowhere} cannot be written" in one.log


@pytest.mark.once
def test_each_worker_of_a_host_has_its_own(worker, tmp_path):
    pattern = str(tmp_path / "alive-%n")
    ones = [worker(tasks={**TIMES, "HEARTBEAT_FILE": pattern}) for _ in range(2)]
    files = sorted(tmp_path.glob("alive-*"))
    assert sorted(int(file.read_text()) for file in files) == sorted(one.pid for one in ones)


# --- outages --------------------------------------------------------------------------


@pytest.fixture
def line():
    """A line to the server of the database, which can be frozen."""
    if services.DATABASE == "sqlite":
        pytest.skip("a file does not go away")
    there = connection.settings_dict
    usual = 5432 if services.DATABASE == "postgresql" else 3306
    port = int(there["PORT"] or usual)
    with contextlib.closing(Proxy(f"db://{there['HOST']}:{port}")) as one:
        yield one


@pytest.mark.parametrize("mode", ["silent", "closed"])
@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_while_the_database_is_away_it_stays_fresh(worker, user, file, line, pool, mode):
    port = line.url.rpartition(":")[2]
    given = {**TIMES, "HEARTBEAT_FILE": str(file)}
    one = worker(pool=pool, tasks=given, env={"DATABASE_PORT": port})
    line.cut(mode)
    # Longer than a probe waits: to the database the worker is dead by now.
    wait_until(lambda: not Worker.objects.alive(TIMES["WORKER_TIMEOUT"] * 2).exists(), PATIENCE)
    for _ in range(3):
        touched_again(file)
    assert is_fresh(file)
    line.cut("open")
    row = tasks.whereabouts.delayed(user)
    assert row.wait(PATIENCE)["worker"].startswith(f"{one.row.pk}")


@pytest.mark.once
def test_the_probe_asks_no_database(start, file):
    """As a process: also when there is none at all."""
    start()
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.project.settings",
        "BOOGIE_TASKS": json.dumps(TIMES),
        "DATABASE_PORT": "1",
        "DATABASE_NAME": "/nowhere/none",
    }
    command = [sys.executable, "-m", "django", "boogie_status", "--heartbeat-file", str(file)]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert (ended.returncode, ended.stdout) == (0, "The worker lives\n"), ended.stderr
    without = subprocess.run(command[:-2], env=env, capture_output=True, timeout=PATIENCE)
    assert without.returncode == 2
