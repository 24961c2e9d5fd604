"""
A producer that dies between its commit and the doorbell; its argument is the id of a post.

Its own handler of the commit was registered before the one that rings.
"""

import os
import signal
import sys


def main(post_id):
    import django

    django.setup()

    from django.db import transaction

    from tests.project.blog.models import Post
    from tests.project.blog.tasks import count

    post = Post.objects.get(pk=post_id)
    with transaction.atomic():
        transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
        count.delayed(post)


if __name__ == "__main__":
    main(sys.argv[1])
