"""Tasks for real workers that stand in chains."""

import os
import signal
import time

from boogie.apps.tasks import task, task_finished


@task(bind=True, name="tests.chained.step")
def step(self, post, name="", seconds=0.0, dies=0):
    """Return what the rows before it have returned, and its own name; kill its first attempts."""
    if self.row.attempt <= dies:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(seconds)
    return [*(row and row.get_result() for row in self.row.needs), name]


@task(bind=True, name="tests.chained.fails_once")
def fails_once(self, post):
    """Fail at the first attempt."""
    if self.row.attempt == 1:
        raise ValueError("once")
    return "at last"


@task(name="tests.chained.killed_at_its_end")
def killed_at_its_end(post):
    """Finish, and be killed before anybody is told."""
    task_finished.connect(_kill, sender=killed_at_its_end)


def _kill(sender, task, **extra):
    os.kill(os.getpid(), signal.SIGKILL)
