"""
A test of somebody's, with a worker in a thread; its arguments are a pool and the id of a post.

Prints, as JSON, what is left of the worker behind the ``with``.
"""

import contextlib
import json
import sys
import threading

from tests.support.waiting import wait_until

OTHERS = """
    SELECT query FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND application_name = current_setting('application_name')
"""


def main(pool, post_id):
    import django

    django.setup()

    from celery.contrib.testing.worker import start_worker

    from boogie.apps.tasks import Worker
    from tests.project.blog import tasks
    from tests.project.blog.models import Post
    from tests.project.celery import app

    post = Post.objects.get(pk=post_id)
    for _ in range(2):
        with start_worker(app, pool=pool, perform_ping_check=False):
            tasks.count.delayed(post).wait(60)
        left = {
            "threads": [one.name for one in threading.enumerate() if "boogie" in one.name],
            "connections": others(),
            "workers": list(Worker.objects.values_list("pk", flat=True)),
        }
        print(json.dumps(left))


def others():
    """Return what other connections have done that are not closed soon."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return []
    found = []

    def closed():
        with connection.cursor() as cursor:
            cursor.execute(OTHERS)
            found[:] = [query for (query,) in cursor.fetchall()]
        return not found

    with contextlib.suppress(TimeoutError):
        wait_until(closed, 10)
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
