"""
``run_schedules()``: rows of the schedules that are due, made here and now, as a keeper does it.
"""

from boogie.apps.tasks import loops
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.scheduling import following, timetable

from .committed import as_if_committed


def run_schedules() -> int:
    """
    Make the rows of each schedule that is due, declared ones included; return how many there are.

    They are queued: ``run_tasks()`` runs them. Move the clock with ``travel()`` or ``freeze()``.
    """
    loops.refuse("run_schedules", "sync_to_async(run_schedules)")
    rows = Task.objects.on_primary()
    before = rows.count()
    with as_if_committed():
        following.follow()
        while timetable.make():
            pass
    return rows.count() - before
