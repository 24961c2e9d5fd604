"""
How people meet a task: what it is called, what it does, and which options say so.

No model is imported when this is.
"""

import inspect
import re
from typing import Any

from django.db import models
from django.utils.functional import Promise

#: ``app.Model``, as Django writes a model that may not be loaded yet.
MODEL = re.compile(r"\w+\.\w+")
#: ``app.codename``, as ``user.has_perm()`` takes it.
PERMISSION = re.compile(r"\w+\.\w+")


def check_face(task: Any) -> None:
    """Raise ``TypeError`` or ``ValueError`` if an option says nothing that people could read."""
    for option in ("label", "description"):
        value = getattr(task, option)
        if value is not None and not isinstance(value, str | Promise):
            raise TypeError(f"{task.name}: {option} must be text, not {value!r:.80}.")
    if not isinstance(task.danger, bool):
        raise TypeError(f"{task.name}: danger must be True or False, not {task.danger!r:.80}.")
    _check_model(task.name, task.model)
    _check_form(task.name, task.form)
    _check_permission(task.name, task.permission)


def _check_model(name: str, model: Any) -> None:
    if model is None or (isinstance(model, type) and issubclass(model, models.Model)):
        return
    if not isinstance(model, str):
        raise TypeError(f"{name}: model must be a model or 'app.Model', not {model!r:.80}.")
    if not MODEL.fullmatch(model):
        raise ValueError(f"{name}: model must be written as 'app.Model', not {model!r:.80}.")


def _check_form(name: str, form: Any) -> None:
    if form is None or (isinstance(form, str) and "." in form):
        return
    from django.forms import BaseForm

    if not (isinstance(form, type) and issubclass(form, BaseForm)):
        raise TypeError(
            f"{name}: form must be a class of django.forms, or its dotted path, not {form!r:.80}."
        )


def _check_permission(name: str, permission: Any) -> None:
    if permission is None:
        return
    if isinstance(permission, str):
        if not PERMISSION.fullmatch(permission):
            raise ValueError(
                f"{name}: permission must be written as 'app.codename', not {permission!r:.80}."
            )
        return
    if not callable(permission):
        raise TypeError(
            f"{name}: permission must be 'app.codename' or a callable (user, obj), "
            f"not {permission!r:.80}."
        )
    try:
        inspect.signature(permission).bind(None, None)
    except TypeError:
        raise TypeError(
            f"{name}: permission is called with a user and an object; {permission!r:.80} "
            f"does not take these."
        ) from None


def title(task: Any) -> str:
    """Return what a task is called: its ``label``, or its name in words."""
    if task.label is not None:
        return str(task.label)
    last = task.declared_from.__name__
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", last).replace("_", " ").strip()
    return words[:1].upper() + words[1:].lower() if words else str(task.name)


def summary(task: Any) -> str:
    """Return what a task does: its ``description``, or the first line of its docstring."""
    if task.description is not None:
        return str(task.description)
    text = inspect.cleandoc(task.declared_from.__doc__ or "")
    return text.partition("\n")[0].strip()
