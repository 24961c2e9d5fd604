"""
A schedule over many objects, for workers that are told to import this module.

Its portions are small and slow, so that a test can kill who makes them in the midst of a slot.
"""

import time
from datetime import timedelta

from boogie.apps.tasks import recurring, task
from boogie.apps.tasks.scheduling import objects

#: Objects of a portion, and seconds that it takes at least.
objects.PORTION = 100
SECONDS = 0.05

NAME = "tests.nightly"


def slowly():
    from tests.project.blog.models import Post

    time.sleep(SECONDS)
    return Post.objects.all()


@recurring(timedelta(days=1), objects=slowly)
@task(name=NAME, queue="nobody-serves-this")
def visit(post):
    """It is never run."""
