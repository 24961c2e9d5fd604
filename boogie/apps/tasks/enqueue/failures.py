"""
Failures to tell a broker of rows: counted in the database, where processes share the number.

At most one comes in each ``PUBLISH_PAUSE`` of each process. Who serves no metrics counts none.
"""

import logging
from typing import Any

from django.db import Error

from boogie.apps.tasks.broker import doorbell
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.models import Rollup

logger = logging.getLogger(__name__)


def count(**extra: Any) -> None:
    """Count one, if metrics are served."""
    if not conf.METRICS:
        return
    try:
        Rollup.objects.on_primary().count_ring_failure()
    except Error as error:
        logger.warning("A failure to ring is not counted: %s: %s", type(error).__name__, error)


def connect() -> None:
    """Count what fails from now on; twice is once."""
    doorbell.failed.connect(count, weak=False, dispatch_uid="boogie_tasks.ring_failures")
