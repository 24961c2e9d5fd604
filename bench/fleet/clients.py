"""
Many clients that take, claim and settle rows at the same time: rows a second, by their number.

Each is a process with a connection of its own, which does what a worker of one process does, by
the same statements: it reserves a batch, and claims and finishes each row. The body does nothing.
"""

import time
from typing import Any, TextIO

from bench.fleet import processes, stage, work
from bench.million.fill import analyze
from boogie.apps.tasks import current_app, identity
from boogie.apps.tasks.transport import delivery

#: Seconds before a client looks again that has found nothing.
PAUSE = 0.02
#: Seconds in which all have to be done.
PATIENCE = 3600.0

PRIORITIES = (0, 3, 6, 9)


def measure(
    out: TextIO, clients: list[int], rows: int, waiting: int, queues: int, batch: int, rounds: int
) -> None:
    """Write the rows a second of so many clients; each time ``rows`` come, and as many go."""
    current_app.celery_app()
    names = [f"fleet-{number}" for number in range(queues)]
    work.learn()
    begun = time.monotonic()
    fill(waiting, names)
    out.write(f"{waiting} rows that wait were made in {time.monotonic() - begun:.0f} s\n")
    for number in range(rounds):
        for many in clients if number % 2 == 0 else reversed(clients):
            come(many, rows, names, batch)
            analyze()
            rate = settled(many, rows, names, batch)
            out.write(f"{many:6} clients {rate:10.0f} rows a second, round {number + 1}\n")
            out.flush()
    out.write(f"{rows} rows each time in {queues} queues, {waiting} wait: {stage.where()}\n")


def come(clients: int, rows: int, queues: list[str], batch: int) -> None:
    """
    Make the rows of one measurement.

    So many more that each client has two batches besides: one to warm itself with, and one so that
    nobody looks for the last rows in vain.
    """
    fill(rows + 2 * clients * batch, queues)


def fill(rows: int, queues: list[str]) -> None:
    """Make rows that may run; in several queues also with several priorities."""
    priorities = PRIORITIES if len(queues) > 1 else PRIORITIES[:1]
    kinds = [(queue, priority) for priority in priorities for queue in queues]
    for place, (queue, priority) in enumerate(kinds):
        share = rows * (place + 1) // len(kinds) - rows * place // len(kinds)
        work.enqueue(share, queue, priority)


def settled(clients: int, rows: int, queues: list[str], batch: int) -> float:
    """Have so many clients settle so many rows that have come; return how many a second."""
    one = Client(queues, batch, processes.forking.Barrier(clients + 1))
    one.left.value = rows
    running = [processes.forking.Process(target=one.live) for _ in range(clients)]
    try:
        processes.begin(running)
        one.begin.wait(processes.PATIENCE)
        begun = time.monotonic()
        for process in running:
            process.join(PATIENCE)
    finally:
        for process in running:
            process.kill()
    wrong = [process.exitcode for process in running if process.exitcode]
    left = one.left.value
    if wrong or left > 0:
        raise RuntimeError(f"{left} of {rows} rows are left; clients ended with {wrong}")
    return float(rows - left) / (one.ended.value - begun)


class Client:
    """What each client does until so many rows are gone as have come."""

    def __init__(self, queues: list[str], batch: int, begin: Any) -> None:
        self.queues, self.batch, self.begin = queues, batch, begin
        #: How many are left, and when the last client found that none are.
        self.left: Any = processes.forking.Value("l", 0)
        self.ended: Any = processes.forking.Value("d", 0.0)

    def live(self) -> None:
        """Warm up, begin together with all others, and take rows while there are some left."""
        identity.become_worker(identity.new_worker_id("client@host"))
        self._work()
        self.begin.wait(processes.PATIENCE)
        while self.left.value > 0:
            done = self._work()
            with self.left.get_lock():
                self.left.value -= done
            if not done:
                time.sleep(PAUSE)
        with self.ended.get_lock():
            self.ended.value = max(self.ended.value, time.monotonic())

    def _work(self) -> int:
        taken = delivery.reserve_rows(self.queues, self.batch)
        return sum(work.run(one.key) for one in taken)
