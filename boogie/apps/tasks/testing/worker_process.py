"""
What becomes a worker on the database of a test; see ``worker.py``. Nobody imports it.
"""

import ctypes
import json
import os
import signal
import sys
from typing import Any

#: What the test tells it, as JSON.
VARIABLE = "BOOGIE_TASKS_TEST_WORKER"

#: Of Linux: send this process a signal when its parent dies (prctl.h).
PR_SET_PDEATHSIG = 1

OPTIONS = ["-c", "1", "-l", "INFO", "--without-mingle", "--without-gossip"]


def main() -> Any:
    """Set Django up on the databases of the test, and be a worker."""
    _end_with_parent()
    told = json.loads(os.environ.pop(VARIABLE))
    import django
    from django.conf import settings

    for alias, name in told["databases"].items():
        settings.DATABASES[alias]["NAME"] = name
    django.setup()
    from boogie.apps.tasks import current_app

    app: Any = current_app.celery_app()
    queues = []
    if told["queue"]:
        current_app.change(app, "task_default_queue", told["queue"])
        queues = ["-Q", told["queue"]]  # it is none of those that the project may have named
    return app.worker_main(["worker", "-n", f"test-{os.getpid()}@%h", *OPTIONS, *queues])


def _end_with_parent() -> None:
    """End when the tests do, however they end: nobody else would stop this worker."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it has died before
            sys.exit(1)


if __name__ == "__main__":
    sys.exit(main())
