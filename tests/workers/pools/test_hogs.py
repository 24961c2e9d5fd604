"""Bodies that hold up their whole process, in pools where that is the worker's main process."""

import os
import signal
from pathlib import Path

import pytest
from django.test import override_settings

from boogie.apps.tasks import Task, Worker
from boogie.apps.tasks.db.clock import Moment
from tests.project import services
from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.support.judge import rescue_as_judge
from tests.support.names import fresh_name
from tests.support.processes import PATIENCE
from tests.support.rows import stored
from tests.support.waiting import wait_until
from tests.workers.traces import has_begun, new_user

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

#: A dead worker is found out soon, and a living one on a slow machine is not taken for it.
TIMES = {"HEARTBEAT": 1, "WORKER_TIMEOUT": 6}


@pytest.fixture(autouse=True)
def _times():
    with override_settings(BOOGIE_TASKS=TIMES):
        yield


class Hog:
    """A row whose body holds up its worker."""

    def __init__(self, worker, directory):
        self.worker = worker
        self.fifo = directory / fresh_name("fifo")
        os.mkfifo(self.fifo)
        self.post = Post.objects.create(author=new_user(), title="held up")
        self.row = tasks.hog.delayed(self.post, str(self.fifo))
        wait_until(lambda: has_begun(self.post), PATIENCE)

    def let_go(self):
        fifo = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        os.write(fifo, b".")
        os.close(fifo)

    @property
    def history(self):
        self.row.refresh_from_db()
        return self.row.status, self.row.attempt, self.row.losses


def silence_is_found_out():
    """Rescue as every keeper does until a worker that is last seen now is taken for dead."""
    silent = Worker.objects.create(
        id=fresh_name(), pid=1, started=Moment(), seen=Moment(), steady=Moment()
    )
    row = stored("running", worker=silent.pk, queue=fresh_name())

    def is_rescued():
        rescue_as_judge()
        return Task.objects.queued().filter(pk=row.pk).exists()

    wait_until(is_rescued, PATIENCE)


#: In the last one threads are greenlets; in the others it takes the GIL to hold them up.
POOLS = ["threads", "solo", "gevent"] if services.DATABASE == "sqlite" else ["gevent"]


def test_a_body_that_holds_up_its_worker_is_not_taken_for_lost(worker, tmp_path):
    # One after the other: a worker that is held up takes no second row.
    hogs = [Hog(worker(pool=pool, tasks=TIMES), tmp_path) for pool in POOLS]
    silence_is_found_out()
    assert [hog.history for hog in hogs] == [("running", 1, 0)] * len(hogs)
    for hog in hogs:
        hog.let_go()
        # No other thread of its process ran: none can have beaten.
        assert hog.row.wait(PATIENCE) < 5
        assert hog.history == ("finished", 1, 0)


# --- the process that beats -------------------------------------------------------------


def state(pid):
    """Return the parent and the state of a process, as Linux has them; state X: it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0, "X"
    return int(fields[1]), fields[0]


def pacemaker_of(one):
    """Return the process that a worker has started beside it."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    (pid,) = [pid for pid in pids if state(pid)[0] == one.pid]
    assert b"pacemaker" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return pid


@pytest.mark.once
@override_settings(BOOGIE_TASKS={"WORKER_TIMEOUT": 3})
def test_nobody_beats_for_a_worker_that_is_stopped_or_killed(worker, tmp_path):
    one = worker(pool="solo", tasks=TIMES)
    hog = Hog(one, tmp_path)
    beside = pacemaker_of(one)
    os.kill(one.pid, signal.SIGSTOP)
    wait_until(lambda: rescue_as_judge() or hog.history == ("queued", 1, 1), PATIENCE)
    assert state(beside)[1] not in "XZ"
    os.kill(one.pid, signal.SIGKILL)
    wait_until(lambda: state(beside)[1] in "XZ", PATIENCE)


@pytest.mark.once
def test_a_worker_with_children_needs_no_other_process(worker):
    one = worker()
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    assert len([pid for pid in pids if state(pid)[0] == one.pid]) == 1
