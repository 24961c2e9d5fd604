"""``manage.py boogie_status``: how workers and rows are; the exit status is for probes."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import Error

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.management import numbers
from boogie.apps.tasks.management.english import EnglishCommand
from boogie.apps.tasks.monitoring import health, heartbeat_file

#: Batches that are named.
NAMED = 5

#: Options that only the database can answer.
ASK = ("max_age", "max_waiting", "require_version")


class Command(EnglishCommand):
    """Print the state of workers, rows and broker."""

    help = (
        "Show workers, rows by status, what is stuck, and whether the broker answers. "
        "Exit status: 0 healthy, 1 something is wrong, 2 the database does not answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print everything as JSON")
        parser.add_argument(
            "--max-age",
            type=numbers.seconds,
            metavar="SECONDS",
            help="a row that may run and has waited longer is a problem",
        )
        parser.add_argument(
            "--max-waiting",
            type=numbers.count,
            metavar="N",
            help="more rows than these that may run, and wait, are a problem",
        )
        parser.add_argument(
            "--require-version",
            metavar="V",
            help="a living worker of another version of the project is a problem, and so is none",
        )
        parser.add_argument(
            "--heartbeat-file",
            metavar="PATH",
            help="ask the heartbeat file of one worker, and no database, whether it lives",
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        # Those of fields ask some databases, and those of a project may: it is not to answer here.
        return super().execute(*args, **{**options, "skip_checks": True})

    def handle(self, *args: Any, **options: Any) -> None:
        if wrong := [message for _key, message in conf.problems()]:
            raise CommandError(" ".join(wrong))
        if options["heartbeat_file"] is not None:
            self._look_at_file(options)
            return
        limits = health.Limits(
            options["max_age"], options["max_waiting"], options["require_version"]
        )
        try:
            state = health.examine(history=True, limits=limits)
        except Error as error:
            self.stderr.write(f"The database does not answer: {error}")
            sys.exit(2)
        if options["json"]:
            self.stdout.write(json.dumps(state.as_dict(), indent=2))
        else:
            self._tell(state)
        if state.problems:
            sys.exit(1)

    def _look_at_file(self, options: dict[str, Any]) -> None:
        if asked := [f"--{name.replace('_', '-')}" for name in ASK if options[name] is not None]:
            raise CommandError(
                f"--heartbeat-file asks no database, which {', '.join(asked)} would need; use two "
                f"commands.",
                returncode=2,
            )
        if not options["heartbeat_file"].strip():
            raise CommandError(
                "--heartbeat-file must be the path of a worker's file, as HEARTBEAT_FILE says; it "
                "is empty.",
                returncode=2,
            )
        problem = heartbeat_file.problem(Path(options["heartbeat_file"]))
        if options["json"]:
            told = {"problems": [problem] if problem else [], "healthy": not problem}
            self.stdout.write(json.dumps(told, indent=2))
        elif problem is not None:
            self.stdout.write(self.style.ERROR(f"PROBLEM: {problem}"))
        else:
            self.stdout.write("The worker lives")
        if problem is not None:
            sys.exit(1)

    def _tell(self, state: health.Health) -> None:
        self.stdout.write(f"{state.alive} worker(s) alive")
        for worker in state.workers:
            version = state.versions.get(worker["id"])
            self.stdout.write(
                f"  {worker['id']}  pid {worker['pid']}  {', '.join(worker['queues'])}  "
                f"concurrency {worker['concurrency']}  seen {worker['age']:.0f} s ago, "
                f"up {worker['uptime']:.0f} s" + (f", version {version}" if version else "")
            )
        self.stdout.write("Rows: " + ", ".join(f"{n} {status}" for status, n in state.rows.items()))
        if state.oldest_due is not None:
            self.stdout.write(f"The oldest row that may run has waited {state.oldest_due:.0f} s")
        for line in state.lines:
            self.stdout.write(
                f"{line.rows} row(s) are held by the limit {line.what}, the oldest for "
                f"{line.oldest:.0f} s"
            )
        if state.dead_ends["rows"]:
            self.stdout.write(_waiting_in_vain(state.dead_ends))
        if state.stuck_batches:
            self.stdout.write(_stuck(state.stuck_batches))
        if state.stalled:
            self.stdout.write(f"{state.stalled} running row(s) are stalled: their bars stand still")
        for hold in state.held:
            self.stdout.write(_held(hold))
        self.stdout.write(f"Broker: {'answers' if state.broker else 'does not answer'}")
        for problem in state.problems:
            self.stdout.write(self.style.ERROR(f"PROBLEM: {problem}"))


def _waiting_in_vain(found: dict[str, Any]) -> str:
    """Return what waits for rows that have failed, and what to do."""
    more = " or more" if found["is_part"] else ""
    return (
        f"{found['rows']}{more} row(s) wait for others that have failed: retry these, or cancel "
        f"those that wait: {', '.join(found['failed'])}"
    )


def _stuck(batches: list[dict[str, Any]]) -> str:
    """Return which batches cannot end, and what to do."""
    names = ", ".join(f"{one['id']} {one['title']}".strip() for one in batches[:NAMED])
    return (
        f"{len(batches)} batch(es) cannot end, since all that is left is paused or waits for rows "
        f"that have failed: run or cancel what waits, or retry what has failed, of {names} "
        f"(list --batch)"
    )


def _held(hold: dict[str, Any]) -> str:
    """Return what is held, by whom, since when and why, in one line."""
    who = f" by {hold['by']}" if hold["by"] else ""
    why = f": {hold['reason']}" if hold["reason"] else ""
    nobody = " (no living worker serves this queue)" if hold["served"] is False else ""
    rows = f", {hold['rows']} row(s) wait" if hold["rows"] else ""
    return f"Held: {hold['kind']} {hold['name']}{nobody}{rows}{who} since {hold['since']}{why}"
