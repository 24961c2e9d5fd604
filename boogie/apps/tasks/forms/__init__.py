"""
A form for every task, made from its signature: typed fields, when to start, and the call.

>>> form = for_task(clean_user_posts, data=request.POST)
>>> if form.is_valid():
...     row = start(form, user, requested_by=request.user)
"""

from .schedule_form import ScheduleForm, for_schedule
from .starting import start, start_each
from .task_form import PAUSED, TaskForm, for_task

__all__ = ["PAUSED", "ScheduleForm", "TaskForm", "for_schedule", "for_task", "start", "start_each"]
