"""
Rows that were to be blanked, or deleted, when they end, and did so otherwise than by a run.
"""

import logging
from functools import partial
from typing import cast

from boogie.apps.tasks.db import outages
from boogie.apps.tasks.lifecycle import wiping
from boogie.apps.tasks.models import Task, TaskQuerySet

logger = logging.getLogger(__name__)

#: Rows that one statement changes.
CHUNK = 1000


def left() -> TaskQuerySet:
    """Return these rows."""
    return cast(TaskQuerySet, wiping.marked(Task.objects.on_primary()))


def finish() -> None:
    """Blank or delete them; several keepers may do so at one time."""
    everything = Task.objects.on_primary()
    while keys := list(left().values_list("pk", flat=True)[:CHUNK]):
        rows = everything.filter(pk__in=keys, wipe__gt=wiping.NOTHING)
        blanked = outages.unlocked(rows.db, partial(wiping.blank, rows))
        deleted = wiping.finish_deleting(rows)
        logger.info("%s marked row(s) were blanked, %s deleted", blanked, deleted)
