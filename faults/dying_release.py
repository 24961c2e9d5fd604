"""
Who releases the task ``work`` and dies: ``python -m faults.dying_release CHUNK WOKEN``.

It wakes so many rows at one time, and dies once it has woken ``WOKEN`` of them.
"""

import os
import signal
import sys
from typing import Any


def main(chunk: int, enough: int) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "faults.settings"
    import django

    django.setup()
    from boogie.apps.tasks.holds import switch
    from boogie.apps.tasks.lifecycle import parking
    from faults import journal
    from faults.lab.tasks import work

    wake, woken = parking.wake, [0]

    def wake_or_die(rows: Any, **options: Any) -> int:
        if woken[0] >= enough:
            journal.note("releasing")
            os.kill(os.getpid(), signal.SIGKILL)
        woken[0] += wake(rows, **options)
        return woken[0]

    switch.CHUNK = chunk
    parking.wake = wake_or_die
    work.release()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
