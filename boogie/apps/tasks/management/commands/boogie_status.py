"""``manage.py boogie_status``: how workers and rows are; the exit status is for probes."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.db import Error

from boogie.apps.tasks.management.english import EnglishCommand
from boogie.apps.tasks.monitoring import health


class Command(EnglishCommand):
    """Print the state of workers, rows and broker."""

    help = (
        "Show workers, rows by status, what is stuck, and whether the broker answers. "
        "Exit status: 0 healthy, 1 something is wrong, 2 the database does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print everything as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            state = health.examine(history=True)
        except Error as error:
            self.stderr.write(f"The database does not answer: {error}")
            sys.exit(2)
        if options["json"]:
            self.stdout.write(json.dumps(state.as_dict(), indent=2))
        else:
            self._tell(state)
        if state.problems:
            sys.exit(1)

    def _tell(self, state: health.Health) -> None:
        self.stdout.write(f"{state.alive} worker(s) alive")
        for worker in state.workers:
            self.stdout.write(
                f"  {worker['id']}  pid {worker['pid']}  {', '.join(worker['queues'])}  "
                f"concurrency {worker['concurrency']}  seen {worker['age']:.0f} s ago, "
                f"up {worker['uptime']:.0f} s"
            )
        self.stdout.write("Rows: " + ", ".join(f"{n} {status}" for status, n in state.rows.items()))
        if state.oldest_due is not None:
            self.stdout.write(f"The oldest row that may run has waited {state.oldest_due:.0f} s")
        if state.stalled:
            self.stdout.write(f"{state.stalled} running row(s) are stalled: their bars stand still")
        self.stdout.write(f"Broker: {'answers' if state.broker else 'does not answer'}")
        for problem in state.problems:
            self.stdout.write(self.style.ERROR(f"PROBLEM: {problem}"))
