"""Many keepers, keepers whose clocks are wrong, and keepers who are kept busy."""

import time

from boogie.apps.tasks import Task
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from faults import faketime, journal
from faults.lab import tasks
from faults.scene import Scene
from faults.victims import Worker, kill_process

ORPHANS = 100


def three_keepers(scene: Scene) -> None:
    """Three keepers find the same orphans at the same time; each is rescued once."""
    for _ in range(3):
        scene.start_worker(concurrency=1, queue=scene.side_queue)
    for one in scene.workers:
        one.until_ready()
    rows = []
    for turn in range(max(1, scene.runs // 5)):
        rows += scene.enqueue(ORPHANS)
        _orphan(f"gone@host/{turn}")
        scene.injected()
        moment = journal.note("orphaned")
        scene.wait(lambda: not Task.objects.running().exists(), "the orphans are rescued")
        scene.outcome.recoveries.append((time.monotonic_ns() - moment) / 1e9)
    rescued = Task.objects.filter(pk__in=[row.pk for row in rows])
    twice = [row.pk for row in rescued if (row.losses, len(row.errors), row.attempt) != (1, 1, 1)]
    scene.expect(not twice, f"{len(twice)} rows were not rescued exactly once")
    scene.worker(concurrency=2)
    scene.end()
    attempts = set(rescued.values_list("attempt", flat=True))
    scene.expect(attempts == {2}, f"attempts {attempts}")


def _orphan(worker: str) -> None:
    """Make fresh rows look as if a worker that is no more had claimed them."""
    Task.objects.queued().filter(attempt=0).update(
        status="running", worker=worker, pid=1, attempt=1, started=Moment(), due=None,
        not_before=None,
    )  # fmt: skip


def skew(scene: Scene) -> None:
    """One worker's clock is 5 minutes fast, the other's 5 minutes slow; then one dies."""
    for turn in range(scene.rounds):
        workers = [_skewed(scene, seconds) for seconds in (300, -300)]
        scene.injected()
        asked = time.monotonic_ns()
        rows = scene.enqueue(20, 0.2, 0.2)
        timed = [tasks.work.schedule(4, scene.thing()) for _ in range(4)]
        scene.end()
        early = [e for row in timed for e in scene.starts_after(0, str(row.pk)) if _early(e, asked)]
        scene.expect(not early, f"{len(early)} scheduled rows started early")
        _expect_one_attempt(scene, rows + timed)
        victim = workers[turn % 2]
        starts = scene.begin(scene.enqueue(4, 60.0))  # as many as there are children
        tree = victim.tree
        running = [e.row for e in starts if e.pid in tree]
        moment = victim.kill()
        for row in starts:  # those of the other have nothing to show: it is free for the dead's
            if row.pid not in tree:
                Task.objects.filter(pk=row.row).cancel(terminate=True)
        scene.recovers(running, moment)
        scene.end()
        for one in workers:
            one.stop()


def _early(event: journal.Event, asked: int) -> bool:
    return event.ns < asked + 4 * 10**9


def _expect_one_attempt(scene: Scene, rows: list[Task]) -> None:
    for row in rows:
        row.refresh_from_db()
        good = row.is_finished and row.attempt == 1
        scene.expect(good, f"{row} after attempt {row.attempt}: {row.error}")


def _skewed(scene: Scene, seconds: int) -> Worker:
    """Start a worker by another clock; the journal's clock stays the true one."""
    one = scene.worker(concurrency=2, **faketime.environment(faketime.library(), seconds))
    scene.expect(faketime.is_in(one.pid), "a worker has the true time")
    return one


def slow_hook(scene: Scene) -> None:
    """
    A lost row's ``on_failure`` takes longer than a lease, and ends with ``SystemExit``.

    Nobody else's row may suffer: the heart beats on. The hook is called once.
    """
    seconds = conf.WORKER_TIMEOUT + 10.0
    queues = [scene.own_queue(number) for number in range(2)]
    workers = [scene.worker(concurrency=2, queue=queue) for queue in queues]
    for _ in range(max(1, scene.runs // 10)):
        before = len(scene.events("hook"))
        (row,) = scene.enqueue_for(queues[0], 1, 60.0, seconds, body=tasks.mourned)
        (start,) = scene.begin([row])
        healthy = [
            *scene.enqueue_for(queues[0], 1, seconds + 5.0),
            *scene.enqueue_for(queues[1], 2, seconds + 5.0),
        ]
        scene.begin(healthy)
        kill_process(start.pid)
        scene.injected()
        scene.end()
        scene.wait(lambda n=before: len(scene.events("hook")) > n, "the hook is called")
        called = len(scene.events("hook")) - before
        scene.expect(called == 1, f"the hook was called {called} times")
        _expect_one_attempt(scene, healthy)
    for one in workers:
        scene.keeps(one)
