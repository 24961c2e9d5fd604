"""The Celery app and the tasks of the project without Boogie."""

import os
import time
from typing import Any

from celery import Celery

from faults import journal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faults.control.settings")

app = Celery("control")
app.config_from_object("django.conf:settings", namespace="CELERY")


def _body(task: Any, seconds: float) -> None:
    # The number of a run is unknown to Celery: each delivery of a message is one.
    with journal.body(task.request.id, time.monotonic_ns()):
        time.sleep(seconds)


@app.task(bind=True)
def early(self: Any, seconds: float) -> None:
    """Acknowledged when it begins: Celery's default."""
    _body(self, seconds)


@app.task(bind=True, acks_late=True)
def late(self: Any, seconds: float) -> None:
    """Acknowledged when it has ended."""
    _body(self, seconds)
