"""
Producers that die between their commit and the doorbell; arguments are their number and a queue.

Each is a fork; its own handler of the commit was registered before the one that rings.
"""

import os
import signal
import sys


def main(number: int, queue: str) -> None:
    os.environ["FAULTS_QUEUE"] = queue
    os.environ["DJANGO_SETTINGS_MODULE"] = "faults.settings"
    import django

    django.setup()
    for _ in range(number):
        pid = os.fork()
        if not pid:
            _commit_and_die()
        os.waitpid(pid, 0)


def _commit_and_die() -> None:
    from django.db import transaction

    from faults import journal
    from faults.lab.models import Thing
    from faults.lab.tasks import work

    rows = []

    def die() -> None:
        journal.note("committed", rows[0].pk)
        os.kill(os.getpid(), signal.SIGKILL)

    try:
        with transaction.atomic():
            thing = Thing.objects.create(label="producer")
            transaction.on_commit(die)
            rows.append(work.delayed(thing))
    finally:
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
