"""
Errors of Celery's that tell of a run what its own record tells: they are warnings.

Two errors for one are two alarms for whoever counts them.
"""

import logging
from typing import Any

from boogie.apps.tasks.db import ids

#: The logger of billiard, whose pool Celery's is, and how it begins to say that a child died.
POOL, DIED = "multiprocessing", "Process %r pid:%r exited with"

#: That of a worker's consumer, and how it begins to say that it does not know a task.
CONSUMER, UNKNOWN = "celery.worker.consumer.consumer", "Received unregistered task"

#: The version of the ids of rows.
VERSION = 7


class _Warn(logging.Filter):
    """Makes warnings of such errors."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno == logging.ERROR and _is_told(str(record.msg), record.args):
            record.levelno = logging.WARNING
            record.levelname = logging.getLevelName(logging.WARNING)
        return True


def _is_told(text: str, args: Any) -> bool:
    if text.startswith(DIED):
        return True
    if not text.lstrip().startswith(UNKNOWN):
        return False
    headers = next((each for each in args if isinstance(each, dict) and "id" in each), {})
    key = ids.key_of(headers.get("id"))
    return key is not None and key.version == VERSION and ids.is_of_a_row(headers["id"])


_filter = _Warn()


def connect() -> None:
    """Have them warn; twice is once."""
    for name in (POOL, CONSUMER):
        logging.getLogger(name).addFilter(_filter)
