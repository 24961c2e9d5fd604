"""
``db_worker`` of django-tasks-db, as far as a worker of Celery's has its options.
"""

import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from boogie.apps.tasks import Task
from boogie.apps.tasks.lifecycle import timing


class Command(BaseCommand):
    """Starts a worker; with ``--batch`` one that ends when nothing is left to do."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue-name", default="default")
        parser.add_argument("--exclude-queues", default="")
        parser.add_argument("--worker-id", default="one")
        parser.add_argument("--batch", action="store_true")
        parser.add_argument("--no-startup-delay", action="store_false", dest="startup_delay")
        # What a worker of Celery's has no word for is accepted, and means nothing.
        for name in ("interval", "backend_name", "max_tasks"):
            parser.add_argument(f"--{name.replace('_', '-')}", dest=name)

    def handle(self, **options: Any) -> None:
        queues = _queues(options["queue_name"], options["exclude_queues"])
        command = [
            *(sys.executable, "-m", "celery", "-A", "boogie.apps.tasks", "worker", "-c", "1"),
            *("-n", f"{options['worker_id']}@here", "-Q", ",".join(queues), "-l", "INFO"),
        ]
        env = {
            **os.environ,
            "DATABASE_NAME": str(connection.settings_dict["NAME"]),
            "SUITES_TASKS": json.dumps(settings.TASKS),
        }
        if not options["batch"]:
            os.execve(sys.executable, command, env)
        worker = subprocess.Popen(command, env=env, stdout=sys.__stdout__, stderr=sys.__stderr__)
        try:
            _until_nothing_is_left(queues, worker)
        finally:
            worker.terminate()
            code = worker.wait(30)
        if code:
            sys.exit(code)


def _queues(names: str, excluded: str) -> list[str]:
    backend = settings.TASKS["default"]
    found = backend.get("QUEUES", ["default"]) if names == "*" else names.split(",")
    return [name for name in found if name not in excluded.split(",")]


def _until_nothing_is_left(queues: list[str], worker: Any) -> None:
    """Wait until the worker is there, and no row of its queues waits or runs."""
    from boogie.apps.tasks import Worker

    while worker.poll() is None:
        mine = Task.objects.filter(queue__in=queues)
        is_there = Worker.objects.filter(pid=worker.pid).exists()
        # A row that the worker has reserved is not due, and waits all the same.
        waiting = timing.ripe(mine.queued()).not_locked()
        if is_there and not waiting and not mine.running().exists():
            return
        time.sleep(0.1)
