"""
How long a row waits before it runs again.
"""

from boogie.apps.tasks import identity
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.models import Task

#: Seconds that a row waits after its first, second and every later loss.
LOSS_DELAYS = (0.0, 5.0, 20.0)


def delay_after_loss(row: Task, rescue: bool) -> float | None:
    """Return for how long a row waits that is rescued now; ``None``: it is not to be rescued."""
    limit = conf.MAX_LOSSES if rescue else 0
    if row.losses >= limit or identity.is_call(row.worker):
        return None
    return LOSS_DELAYS[min(row.losses, len(LOSS_DELAYS) - 1)]
