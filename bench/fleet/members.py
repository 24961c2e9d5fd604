"""
Workers of a fleet: each a process with its keeper, its consumer and its mailbox for commands.

That is what asks a database in a worker's main process. There is no pool beside it: what idle
children do is nothing, and a row that comes is run in the main process.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from kombu import Connection, Consumer, Queue
from kombu.asynchronous import Hub

from bench.fleet import processes, work
from boogie.apps.tasks import current_app, identity
from boogie.apps.tasks.keeper.beside import processes as beside
from boogie.apps.tasks.keeper.thread import Keeper
from boogie.apps.tasks.transport import channel

QUEUE = "fleet-0"
#: Workers that see each other's processes, as those of one host do.
PER_HOST = 8


class Pool:
    """Which rows the worker has: those that its keeper is not to take for lost."""

    def __init__(self) -> None:
        self.running: dict[str, Any] = {}

    def known(self) -> set[str]:
        """Return the ids of all rows that the worker has."""
        return set(self.running.copy())

    def kill(self, task_id: str) -> None:
        """Nothing: no row of the fleet is cancelled."""


class Member:
    """One worker; ``prefetch``: rows that it may hold, ``body``: seconds that each takes."""

    def __init__(self, number: int, prefetch: int, body: float, fetches: Any) -> None:
        self.number, self.prefetch, self.body, self.fetches = number, prefetch, body, fetches
        self.pool, self.hub = Pool(), Hub()

    def live(self, ready: Any) -> None:
        """Begin as a worker does; live until somebody ends the process."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        host = f"host{self.number // PER_HOST}"
        node = f"fleet{self.number}@{host}"
        beside.place = lambda: host
        identity.become_worker(identity.new_worker_id(node))
        about = {"queues": [QUEUE], "concurrency": 1, "software": {}}
        keeper = Keeper(identity.worker_id(), about, self.pool)
        keeper.introduce()
        keeper.threads.begin()
        if not current_app.needs_ringing():
            self._consume(node)
        ready.release()
        self.hub.run_forever() if not current_app.needs_ringing() else signal.pause()

    def _consume(self, node: str) -> None:
        line = Connection("boogie://")
        self._count_fetches()
        consumer = Consumer(line.channel(), [Queue(QUEUE)], on_message=self._take)
        consumer.qos(prefetch_count=self.prefetch)
        consumer.consume()
        mailbox = current_app.celery_app().control.mailbox
        mailbox.Node(node, channel=line.channel()).listen()
        line.register_with_event_loop(self.hub)

    def _count_fetches(self) -> None:
        fetch = channel.Channel._take

        def counted(consumer: channel.Channel, *args: Any) -> list[dict[str, Any]]:
            found = fetch(consumer, *args)
            self.fetches[2 * self.number] += 1
            self.fetches[2 * self.number + 1] += not found
            return found

        channel.Channel._take = counted  # type: ignore[method-assign]

    def _take(self, message: Any) -> None:
        key = message.headers["id"]
        self.pool.running[key] = message
        self.hub.call_later(self.body, partial(self._run, key))

    def _run(self, key: str) -> None:
        work.run(key)
        self.pool.running.pop(key).ack()


@contextmanager
def living(number: int, prefetch: int = 4, body: float = 0.0) -> Iterator[Any]:
    """
    Have so many workers for a block, which all have begun.

    Yields an array: of each worker how often it fetched, and how often that brought nothing.
    """
    forking = processes.forking
    fetches, ready = forking.Array("l", 2 * number, lock=False), forking.Semaphore(0)
    current_app.celery_app()
    work.learn()
    members = [Member(n, prefetch, body, fetches) for n in range(number)]
    living = [forking.Process(target=one.live, args=(ready,)) for one in members]
    try:
        processes.begin(living)
        for _ in living:
            if not ready.acquire(timeout=processes.PATIENCE):
                raise TimeoutError("not all workers of the fleet have begun")
        yield fetches
        processes.check(living)
    finally:
        for process in living:
            process.kill()
