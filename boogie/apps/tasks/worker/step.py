"""
The step that a stock Celery worker takes for us: its keeper, its connections, its receivers.
"""

import gc
import os
import threading
from functools import partial
from typing import Any

import celery
import django
from celery import bootsteps, signals
from celery.concurrency.prefork import TaskPool
from celery.utils.log import get_logger
from celery.worker import state

import boogie
from boogie.apps.tasks import current_app, identity, registry
from boogie.apps.tasks.broker import quirks, requests
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.connections import close_before_fork, close_connections
from boogie.apps.tasks.db.lending import bodies
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.execution.timing import limits
from boogie.apps.tasks.functions import serving
from boogie.apps.tasks.keeper import jobs, pacemaker, thread
from boogie.apps.tasks.keeper.living import Living
from boogie.apps.tasks.monitoring import heartbeat_file

from . import receivers, schema
from .backends import share_no_results
from .connections import lend_connections, reuse_connections
from .forks import keepers, put_off, revive, wake

logger = get_logger(__name__)

#: Seconds that the pool waits for the result of a child that died: Celery's default, and ours.
#: The row of the dead is to be queued again within three seconds.
CELERYS_LOST_WAIT, LOST_WAIT = 10.0, 1.0
#: Seconds between two looks for dead threads and children. Celery's event loop looks for children
#: every 5 seconds, and at once when one closes its end of a pipe: before it can be waited for.
LOOK_FOR_DEAD_EVERY = 0.5


class KeeperStep(bootsteps.StartStopStep):
    """
    Starts the keeper with the worker.

    It stops only when everything else has: a worker that waits for its last
    bodies must go on saying that it is alive.
    """

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        # Here, and not in start(): the pool's children must inherit it.
        receivers.connect()
        limits.note_worker(worker.soft_time_limit)
        identity.become_worker(identity.new_worker_id(worker.hostname))
        reuse_connections(worker.app)
        quirks.spare_redis(worker.app)
        quirks.hear_redis(worker.app)
        share_no_results(worker.app)
        serving.serve_default(worker.app.amqp.queues)
        close_before_fork()
        _share_memory(worker)
        if worker.worker_lost_wait == CELERYS_LOST_WAIT:
            worker.worker_lost_wait = LOST_WAIT

    def start(self, worker: Any) -> None:
        one = thread.Keeper(identity.worker_id(), _about(worker), Pool(worker))
        one.serves = partial(_queues, worker)
        requests.note_worker(worker.pool, getattr(worker, "autoscaler", None), one.serves)
        if not isinstance(worker.pool, TaskPool) and pacemaker.can_be_shared():
            one.pacemaker = pacemaker.Pacemaker(one.worker_id)
        one.threads.living = living_of(worker, one)
        _wait_for_schema(one)
        # Before a child can claim a row: those of a worker that nobody knows are orphans.
        one.introduce()
        close_connections()
        lend_connections(worker)
        keepers[one] = None
        pool: Any = worker.pool
        if isinstance(pool, TaskPool):
            keepers[one] = worker.hub
            put_off(pool._pool)  # type: ignore[attr-defined]
        one.threads.begin()
        if worker.hub is not None:
            worker.hub.call_repeatedly(LOOK_FOR_DEAD_EVERY, revive)
            if hasattr(worker.pool, "maintain_pool"):
                worker.hub.call_repeatedly(LOOK_FOR_DEAD_EVERY, worker.pool.maintain_pool)
        signals.worker_shutdown.connect(_say_farewell, dispatch_uid="boogie_tasks.farewell")

    def close(self, worker: Any) -> None:
        """
        A shutdown begins: have others run what this worker has only reserved.

        (The shutdown may come between a fork and the next turn of the event loop.)
        ``boogie://`` gives its rows back itself. A broker gets its messages back at the
        end, when the last body has ended.
        """
        wake()
        waiting = set(state.reserved_requests) - set(state.active_requests)
        ids = [request.id for request in waiting if registry.is_ours(request.task)]
        if ids and current_app.needs_ringing():
            jobs.submit(losses.give_back, ids)

    def terminate(self, worker: Any) -> None:
        """
        A cold shutdown ends: no signal says so, and the process may go on, as that of a test.

        Where bodies are left the keeper stays, and says that they run, until the process ends.
        """
        stopped = worker.blueprint.on_stopped

        def end() -> None:
            stopped()
            if not requests.all_of(state.active_requests):
                _leave_nothing(worker.pool)

        worker.blueprint.on_stopped = end


def living_of(worker: Any, one: thread.Keeper) -> Living | None:
    """Return what touches the heartbeat file of a worker, if it has one."""
    if conf.HEARTBEAT_FILE is None:
        return None
    path = heartbeat_file.path_of(conf.HEARTBEAT_FILE, worker.hostname)
    living = Living(path, os.getpid(), is_well=lambda: not one.threads.has_died)
    living.touch(heartbeat_file.claim)
    if one.pacemaker is not None:
        one.pacemaker.file = path
    return living


def _wait_for_schema(one: thread.Keeper) -> None:
    """Wait for pending migrations, alive in the eyes of who looks at its file."""
    living = one.threads.living
    if living is not None:
        living.begin()
    try:
        schema.wait()
    except BaseException:
        if living is not None:
            living.end()
        _take_file_away(one)
        raise


def _take_file_away(one: thread.Keeper) -> None:
    if one.threads.living is not None:
        heartbeat_file.remove(one.threads.living.path, os.getpid())


class Pool:
    """The keeper's view of the worker that it belongs to."""

    def __init__(self, worker: Any) -> None:
        self.worker = worker

    def known(self) -> set[str]:
        """Return the ids of all tasks that the worker has: reserved, or running."""
        return {request.id for request in requests.all_of(state.reserved_requests)}

    def kill(self, task_id: str) -> None:
        """Kill the process that runs a task, where the pool can."""
        for request in requests.all_of(state.active_requests):
            if request.id == task_id:
                self._terminate(request)

    def _terminate(self, request: Any) -> None:
        try:
            request.terminate(self.worker.pool)
        except NotImplementedError:
            logger.warning("The pool cannot kill %s; it ends at its check_cancelled()", request.id)


def _share_memory(worker: Any) -> None:
    """
    Have children share what the main process has imported.

    Who collects garbage writes to whatever it goes through, and what is written to is copied.
    """
    if issubclass(worker.pool_cls, TaskPool):
        gc.collect()
        gc.freeze()


def _say_farewell(**extra: Any) -> None:
    while keepers:
        one, _ = keepers.popitem()
        one.threads.end()
        one.farewell()
        _take_file_away(one)
        identity.become_worker(None)
    bodies.stop()


def _leave_nothing(pool: Any) -> None:
    """End the threads of a worker that has no more to do, and close their connections."""
    _say_farewell()
    executor = getattr(pool, "executor", None)
    if executor is not None:  # the pool of threads
        _dismiss(executor)
    close_connections()


def _dismiss(executor: Any) -> None:
    """End idle threads, after each has closed its connections: nobody else can."""
    number = len(executor._threads)
    together = threading.Barrier(max(1, number))

    def close() -> None:
        together.wait()  # so that no thread closes twice, and another never
        close_connections()

    for _ in range(number):
        executor.submit(close)
    executor.shutdown()


def _queues(worker: Any) -> list[str]:
    return sorted(worker.app.amqp.queues.consume_from.copy())


def _about(worker: Any) -> dict[str, Any]:
    """Return what the worker's row says of it."""
    software = {
        "boogie": boogie.__version__,
        "celery": celery.__version__,
        "django": django.__version__,
    }
    if conf.VERSION:
        software = {"project": conf.VERSION, **software}
    return {
        "queues": _queues(worker),
        "concurrency": worker.concurrency or 0,
        "software": software,
    }
