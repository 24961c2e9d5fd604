"""Tasks for real workers that have limits."""

import os
import signal
import time

from boogie.apps.tasks import Concurrency, Rate, task


def _of_author(post, *args, **kwargs):
    return post.author_id


@task(name="tests.limited.alone", limits=[Concurrency(1, by=_of_author)])
def alone(post, seconds=0.0, dies=0):
    """Run while no other row of its author does; kill its process at its first attempts."""
    if alone.row.attempt <= dies:
        os.kill(os.getpid(), signal.SIGKILL)
    if alone.row.attempt == 1:
        time.sleep(seconds)


@task(name="tests.limited.few", limits=[Concurrency(3, by=_of_author)])
def few(post, seconds=0.0):
    """Run with two others at most."""
    time.sleep(seconds)


@task(name="tests.limited.paced", limits=[Rate(20, per=1, by=_of_author)])
def paced(post):
    """Start 20 times a second."""


@task(name="tests.limited.by_celery", rate_limit="4/s")
def by_celery(post):
    """Start four times a second in each worker, as Celery counts them."""


@task(name="tests.limited.fast", limits=[Rate(100, per=1, by=_of_author)])
def fast(post):
    """Start 100 times a second."""


@task(name="tests.limited.free")
def free(post):
    """Start."""
