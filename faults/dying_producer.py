"""
Producers that die; arguments are their number, a queue, and for a unique row the key of its object.

They die between their commit and the doorbell: each is a fork, whose own handler of the commit was
registered before the one that rings. With ``early`` they die before the commit.
"""

import os
import signal
import sys
import time
from typing import Any


def main(number: int, queue: str, unique: str = "", when: str = "") -> None:
    os.environ["FAULTS_QUEUE"] = queue
    os.environ["DJANGO_SETTINGS_MODULE"] = "faults.settings"
    import django

    django.setup()
    for _ in range(number):
        pid = os.fork()
        if not pid:
            _insert_and_die(int(unique)) if when == "early" else _commit_and_die(unique)
        os.waitpid(pid, 0)


def _commit_and_die(unique: str) -> None:
    from django.db import transaction

    from faults import journal
    from faults.lab.models import Thing
    from faults.lab.tasks import only, work

    rows: list[Any] = []

    def die() -> None:
        journal.note("committed", rows[0].pk)
        os.kill(os.getpid(), signal.SIGKILL)

    try:
        with transaction.atomic():
            transaction.on_commit(die)
            if unique:
                rows.append(only.delayed(Thing.objects.get(pk=unique)))
            else:
                rows.append(work.delayed(Thing.objects.create(label="producer")))
    finally:
        os._exit(1)


def _insert_and_die(key: int) -> None:
    from django.db import transaction

    from faults import journal
    from faults.lab.models import Thing
    from faults.lab.tasks import only

    try:
        with transaction.atomic():
            row = only.delayed(Thing.objects.get(pk=key))
            journal.note("inserted" if row.is_new else "there", row.pk)
            time.sleep(0.3)  # another one waits for it meanwhile
            os.kill(os.getpid(), signal.SIGKILL)
    finally:
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
