"""Celery's own program beside two workers: remote control and events, from process to process."""

import json
import subprocess
import sys
from functools import partial

import pytest

from boogie.apps.tasks import Task, Worker, identity
from boogie.apps.tasks.models import Announcement, Listener
from tests.project import services
from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.support.processes import PATIENCE, ROOT, Process
from tests.support.project_worker import environment
from tests.support.waiting import wait_until
from tests.workers.traces import has_begun, let_go, runs_of, titles

pytestmark = [
    pytest.mark.worker,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(services.BROKER != "boogie", reason="about boogie://"),
]

PROGRAM = [sys.executable, "-u", "-m", "celery", "-A", "tests.project"]


@pytest.fixture
def celery(queue):
    """A function that runs Celery's program; it returns its exit status and what it printed."""

    def run(*command, **env):
        done = subprocess.run(
            [*PROGRAM, *command],
            cwd=ROOT,
            env=environment(queue, **env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def listening(queue, tmp_path):
    """A function that starts ``celery events``; it waits until that listens."""
    started = []

    def start():
        log = tmp_path / f"events-{len(started)}.log"
        started.append(Process([*PROGRAM, "events", "--dump"], log, environment(queue)))
        wait_until(lambda: event_listeners() == len(started), PATIENCE)
        return started[-1]

    yield start
    for one in started:
        one.kill()


def event_listeners():
    return Listener.objects.filter(exchange="celeryev").count()


def node(worker):
    """Return what Celery calls a worker."""
    return identity.node_of(worker.row.pk)


def replies(celery, *command):
    """Run a command of ``inspect`` or ``control``; return the answers by the names of workers."""
    status, said = celery(*command, "--json")
    assert status == 0, said
    found = json.loads(said)
    return found if isinstance(found, dict) else {k: v for one in found for k, v in one.items()}


# --- inspect, status, control ---------------------------------------------------------


@pytest.mark.parametrize("pool", ["prefork", "threads", "gevent"])
def test_all_workers_answer_within_the_usual_timeout_of_a_second(worker, celery, pool):
    nodes = {node(worker(pool=pool)), node(worker(pool=pool))}
    for _ in range(3):
        assert replies(celery, "inspect", "ping").keys() == nodes
    status, said = celery("status")
    assert status == 0
    assert "2 nodes online" in said


def test_a_worker_that_has_no_room_answers_too(worker, celery, post):
    one = worker()
    for _ in range(20):
        tasks.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    (active,) = replies(celery, "inspect", "active").values()
    assert [entry["name"] for entry in active] == [tasks.hold.name]
    one.kill()


def test_only_the_worker_that_is_named_does_what_it_is_told(worker, celery):
    one, two = worker(), worker()
    assert replies(celery, "control", "pool_grow", "1", "-d", node(two)).keys() == {node(two)}
    stats = replies(celery, "inspect", "stats")
    assert len(stats[node(two)]["pool"]["processes"]) == 2
    assert len(stats[node(one)]["pool"]["processes"]) == 1
    celery("control", "shutdown", "-d", node(two))
    assert two.wait() == 0
    assert one.lives
    assert replies(celery, "inspect", "ping").keys() == {node(one)}


def test_a_queue_is_consumed_from_while_the_worker_is_told_to(worker, celery, user):
    one = worker()
    assert replies(celery, "control", "add_consumer", "added").keys() == {node(one)}
    wait_until(lambda: "added" in one.row.queues, PATIENCE)
    tasks.plain_note.apply_async((user.pk, "first"), queue="added")
    wait_until(lambda: titles(user) == ["first"], PATIENCE)
    assert replies(celery, "control", "cancel_consumer", "added").keys() == {node(one)}
    wait_until(lambda: "added" not in one.row.queues, PATIENCE)
    tasks.plain_note.apply_async((user.pk, "second"), queue="added")
    tasks.plain_note.delay(user.pk, "third")
    wait_until(lambda: titles(user) == ["first", "third"], PATIENCE)
    _, said = celery("purge", "-f", "-Q", "added")
    assert "Purged 1 message" in said, said


def test_a_rate_limit_and_time_limits_reach_the_worker(worker, celery):
    worker()
    for command in (("rate_limit", "7/m"), ("time_limit", "9", "11")):
        name, *values = command
        ((answer,),) = [replies(celery, "control", name, tasks.plain_note.name, *values).values()]
        assert "ok" in answer
    (registered,) = replies(celery, "inspect", "registered", "rate_limit").values()
    assert f"{tasks.plain_note.name} [rate_limit=7/m]" in registered


def test_autoscale_is_set_from_outside(worker, celery):
    worker("--autoscale=2,1")
    ((answer,),) = [replies(celery, "control", "autoscale", "4", "3").values()]
    assert "max=4" in answer["ok"], answer


def test_a_pool_grows_for_rows_that_come_while_all_its_processes_are_busy(worker, user):
    worker("--autoscale=3,1")
    posts = [Post.objects.create(author=user, title="held") for _ in range(3)]
    rows = []
    for post in posts:
        rows.append(tasks.hold.delayed(post))
        wait_until(partial(has_begun, post), PATIENCE)
    for post in posts:
        let_go(post)
    assert len({row.wait(PATIENCE) for row in rows}) == 3


@pytest.mark.parametrize("terminate", [False, True])
def test_a_plain_task_is_revoked_from_another_process(worker, post, user, terminate):
    one = worker()
    held = tasks.plain_hold.delay(post.pk)
    wait_until(lambda: has_begun(post), PATIENCE)
    waits = tasks.plain_note.delay(user.pk, "never")
    waits.revoke()  # before what it waits for ends: Celery does not take back what a child has
    one.until_logged(f"Tasks flagged as revoked: {waits.id}")
    if terminate:
        held.revoke(terminate=True, signal="SIGKILL")
    else:
        let_go(post)
    tasks.plain_note.delay(user.pk, "last")
    wait_until(lambda: titles(user)[1:] == ["last"], PATIENCE)
    assert runs_of(post) == 1


def test_a_row_is_revoked_from_another_process(worker, post):
    worker()
    row = tasks.hold.delayed(post)
    wait_until(lambda: has_begun(post), PATIENCE)
    tasks.hold.app.control.revoke(str(row.pk), terminate=True)
    wait_until(lambda: Task.objects.get(pk=row.pk).is_cancelled, PATIENCE)


# --- events ---------------------------------------------------------------------------


def test_events_of_tasks_are_seen_once_they_are_wanted(worker, celery, listening, user, post):
    one = worker()
    events = listening()
    wait_until(lambda: f"{node(one)} " in events.log and "heartbeat" in events.log, PATIENCE)
    assert celery("control", "enable_events")[0] == 0
    plain = tasks.plain_note.delay(user.pk, "seen")
    row = tasks.count.delayed(post)
    for kind in ("received", "started", "succeeded"):
        for key in (plain.id, str(row.pk)):
            wait_until(partial(said_of, events, kind, key), PATIENCE)


def said_of(events, kind, key):
    return any(kind in line and key in line for line in events.log.splitlines())


def test_nothing_is_written_while_nobody_listens(worker, celery, post):
    one = worker("-E")
    seen = one.row.seen
    for _ in range(10):
        tasks.count.delayed(post)
    wait_until(lambda: runs_of(post) == 10, PATIENCE)
    wait_until(lambda: (one.row.seen - seen).total_seconds() > 6, PATIENCE)
    assert not Announcement.objects.exists()
    assert [found.worker for found in Listener.objects.all()] == [one.row.pk]


def test_what_a_listener_leaves_that_was_killed_expires(worker, listening):
    worker("-E")
    events = listening()
    wait_until(lambda: "heartbeat" in events.log, PATIENCE)
    events.kill()
    wait_until(Announcement.objects.exists, PATIENCE)
    assert not Listener.objects.filter(exchange="celeryev").exclude(worker="").exists()
    wait_until(lambda: not Listener.objects.alive().filter(exchange="celeryev"), PATIENCE)
    wait_until(lambda: not Announcement.objects.exists(), 2 * PATIENCE, pause=1)
    assert event_listeners() == 0


def test_a_worker_that_was_killed_is_sent_nothing_once_it_is_missed(worker, celery, settings):
    missed_soon = {"HEARTBEAT": 1, "WORKER_TIMEOUT": 4}
    one, two = worker(tasks=missed_soon), worker(tasks=missed_soon)
    gone = one.row.pk
    one.kill()
    assert replies(celery, "inspect", "ping").keys() == {node(two)}
    wait_until(lambda: not Worker.objects.alive(4).filter(pk=gone).exists(), PATIENCE)
    settings.BOOGIE_TASKS = missed_soon
    Announcement.objects.all().delete()
    tasks.hold.app.control.broadcast("ping")
    assert not Announcement.objects.filter(worker=gone).exists()
