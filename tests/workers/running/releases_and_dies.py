"""A process that releases a queue, which it is named, and is killed after the first rows."""

import os
import signal
import sys


def main(queue):
    import django

    django.setup()

    from boogie.apps.tasks import queues
    from boogie.apps.tasks.lifecycle import parking

    original = parking.wake

    def wake(rows, **options):
        original(rows, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    parking.wake = wake
    queues.release(queue)


if __name__ == "__main__":
    main(sys.argv[1])
