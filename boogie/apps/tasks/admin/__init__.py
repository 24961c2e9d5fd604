"""
The admin: the list of rows, what is done to them, and the pages around it.

Nothing here decides what a verb does, or which rows a filter selects: the pages ask
``monitoring/``, and tell what the user may do.
"""

from .batches.batch_admin import BatchAdmin
from .history.mixin import TaskHistory
from .schedule_admin import ScheduleAdmin
from .task_admin import TaskAdmin

__all__ = ["BatchAdmin", "ScheduleAdmin", "TaskAdmin", "TaskHistory"]
