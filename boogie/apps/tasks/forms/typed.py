"""
Forms that are filled in by words, as on a command line.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django import forms
from django.http import QueryDict

from boogie.apps.tasks.db import clock
from boogie.apps.tasks.enqueue.times import stored

from .fields import UNITS
from .structures import LinesField
from .task_form import AT, PAUSED, SURE, WHEN, TaskForm, for_task


def takes_several(field: forms.Field) -> bool:
    """Return whether a field takes several values."""
    return isinstance(field, LinesField) or getattr(field.widget, "allow_multiple_selected", False)


def filled_in(
    task: Any, given: Mapping[str, Sequence[str]], *, at: str | None = None, paused: bool = False
) -> TaskForm:
    """
    Return the form of ``task`` with what was ``given`` to its fields, and else as it is shown.

    ``at``: when it is to start, a time or ``2h`` from now. Who types is sure.
    """
    shown = for_task(task)
    data = QueryDict(mutable=True)
    for bound in shown.argument_fields:
        texts = given.get(bound.name)
        words = _as_shown(bound) if texts is None else _as_typed(bound, texts)
        data.setlist(bound.html_name, words)
    data[shown.add_prefix(WHEN)] = "at" if at else PAUSED if paused else "now"
    data[shown.add_prefix(SURE)] = "on"
    if at:
        data[shown.add_prefix(AT)] = moment(at)
    return for_task(task, data=data)


def _as_typed(bound: forms.BoundField, texts: Sequence[str]) -> list[str]:
    return ["\n".join(texts)] if isinstance(bound.field, LinesField) else list(texts)


def _as_shown(bound: forms.BoundField) -> list[str]:
    value = bound.value()
    values = value if takes_several(bound.field) and isinstance(value, list) else [value]
    return [str(one) for one in values if one is not None and one is not False]


def moment(text: str) -> str:
    """Return the time that ``text`` names: ``2h`` is so long from now."""
    if match := re.fullmatch(r"(\d{1,6})\s*([smhdw])", text.strip()):
        with suppress(OverflowError):  # no date is so far off: the field says that it is none
            then = clock.here() + timedelta(seconds=int(match[1]) * UNITS[match[2]])
            return stored(then).isoformat()
    return text
