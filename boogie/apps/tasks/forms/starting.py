"""
Starting what a valid form asks for: on one object, or on many.
"""

from typing import Any

from boogie.apps.tasks.models import Task, TaskQuerySet

from .task_form import PAUSED, TaskForm


def start(form: TaskForm, obj: Any, *, requested_by: Any = None) -> Task:
    """Make the row about ``obj`` that a valid ``form`` asks for, and return it."""
    args, kwargs = form.call()
    task = form.task if requested_by is None else form.task.using(requested_by=requested_by)
    if form.when is None:
        row = task.delayed(obj, *args, **kwargs)
    elif form.when == PAUSED:
        row = task.paused(obj, *args, **kwargs)
    else:
        row = task.schedule(form.when, obj, *args, **kwargs)
    made: Task = row
    return made


def start_each(form: TaskForm, objects: Any, *, requested_by: Any = None) -> TaskQuerySet:
    """Make a row about each of ``objects``, and return them."""
    args, kwargs = form.call()
    task = form.task if requested_by is None else form.task.using(requested_by=requested_by)
    if form.when is None:
        rows = task.each(objects, *args, **kwargs)
    elif form.when == PAUSED:
        rows = task.each.paused(objects, *args, **kwargs)
    else:
        rows = task.each.schedule(form.when, objects, *args, **kwargs)
    made: TaskQuerySet = rows
    return made
