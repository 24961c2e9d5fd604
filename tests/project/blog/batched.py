"""Tasks for real workers that are called by batches, or of which batches are."""

import os
import signal
import time

from boogie.apps.tasks import task, task_finished


@task(bind=True, name="tests.batched.piece")
def piece(self, post, seconds=0.0, dies=0):
    """Be a part of a batch; kill the first attempts."""
    if self.row.attempt <= dies:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(seconds)


@task(bind=True, name="tests.batched.fails_once")
def fails_once(self, post):
    """Fail at the first attempt."""
    if self.row.attempt == 1:
        raise ValueError("once")


@task(name="tests.batched.killed_at_its_end")
def killed_at_its_end(post):
    """Finish, and be killed before anybody is told."""
    task_finished.connect(_kill, sender=killed_at_its_end)


@task(name="tests.batched.succeeded")
def succeeded(post, batch):
    """Return how many have finished."""
    return batch.counts()["finished"]


@task(name="tests.batched.went_wrong")
def went_wrong(post, batch):
    """Return what the batch says of itself."""
    return batch.status


@task(name="tests.batched.over")
def over(post, batch):
    """Return what the batch says of itself."""
    return batch.status


def _kill(sender, task, **extra):
    os.kill(os.getpid(), signal.SIGKILL)
