"""
Rows that were to be blanked, or deleted, when they end, of which nobody has: somebody was killed.
"""

import logging
from typing import cast

from boogie.apps.tasks.lifecycle import wiping
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.models.objects.wipe import WipeQuerySet
from boogie.apps.tasks.models.stored import primary

logger = logging.getLogger(__name__)


def left() -> WipeQuerySet:
    """Return their notes, and those of rows that need none any more."""
    return cast(WipeQuerySet, wiping.left(primary(Task)))


def finish() -> None:
    """Blank or delete them; several keepers may do so at one time."""
    blanked, deleted = wiping.finish_left(primary(Task))
    if blanked or deleted:
        logger.info("%s marked row(s) were blanked, %s deleted", blanked, deleted)
