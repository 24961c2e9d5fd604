"""
The section of an object's page: its newest rows, and what can be started on it.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin.utils import quote
from django.db import models
from django.db.models.functions import Cast, Left
from django.http import HttpRequest
from django.urls import reverse

from boogie.apps.tasks import registry
from boogie.apps.tasks.admin import columns, permissions, words
from boogie.apps.tasks.declaration import faces
from boogie.apps.tasks.live import states
from boogie.apps.tasks.live.tokens import Watched
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.monitoring import describe
from boogie.apps.tasks.monitoring.verbs import Verb
from boogie.apps.tasks.serialization import sealing, secrets

from . import access

#: Rows that are shown.
LIMIT = 20
#: Characters of a result.
RESULT_LENGTH = 120


@dataclass(frozen=True)
class Start:
    """A task that can be started, and where its form is."""

    title: str
    summary: str
    link: str
    is_danger: bool


@dataclass(frozen=True)
class Line:
    """One row: its cells, and what the user may do with it."""

    row: Task
    name: str
    link: str
    state: str
    age: str
    wait: str
    run_time: str
    outcome: str
    is_error: bool
    verbs: list[Verb]


def of(model_admin: Any, request: HttpRequest, obj: models.Model, tasks: Iterable[Any]) -> Any:
    """Return what the section of ``obj`` shows; ``None`` for those who may not see rows."""
    if not access.may_view(model_admin, request):
        return None
    site = model_admin.admin_site
    task_admin = site.get_model_admin(Task) if site.is_registered(Task) else None
    return {
        "lines": _lines(task_admin, request, obj),
        "starts": [_start(model_admin, task, obj) for task in tasks],
        "has_pages": task_admin is not None,
        "all": _all(site, obj) if task_admin is not None else "",
        "back": f"{request.get_full_path()}#boogie-tasks",
    }


def start_link(model_admin: Any, task: Any, obj: Any) -> str:
    """Return where the form of ``task`` about ``obj`` is."""
    opts = model_admin.opts
    name = f"admin:{opts.app_label}_{opts.model_name}_boogie_start"
    site = model_admin.admin_site
    return reverse(name, args=[quote(obj.pk), task.name], current_app=site.name)


def _start(model_admin: Any, task: Any, obj: Any) -> Start:
    link = start_link(model_admin, task, obj)
    return Start(faces.title(task), faces.summary(task), link, task.danger)


def _all(site: Any, obj: models.Model) -> str:
    link = reverse("admin:boogie_tasks_task_changelist", current_app=site.name)
    watched = Watched.of(obj, LIMIT)
    return f"{link}?{urlencode({'object': watched.reference})}"


def _lines(task_admin: Any, request: HttpRequest, obj: models.Model) -> list[Line]:
    rows = list(newest(obj))
    columns.prepare(rows, describe.stalled(rows), {})
    return [_line(task_admin, request, row) for row in rows]


def newest(obj: models.Model) -> "models.QuerySet[Task]":
    """Return the newest rows of ``obj``, of results no more than is shown."""
    short = Left(Cast("result", models.TextField()), RESULT_LENGTH + 1)
    rows = Task.objects.for_object(obj).defer("args", "kwargs", "result", "log")
    return rows.annotate(result_in_short=short).order_by("-pk")[:LIMIT]


def _line(task_admin: Any, request: HttpRequest, row: Task) -> Line:
    cells = columns.Columns()
    link, verbs = "", []
    if task_admin is not None:
        name = task_admin.admin_site.name
        link = reverse("admin:boogie_tasks_task_change", args=[row.pk], current_app=name)
        fitting = permissions.fitting(task_admin, request, row)
        verbs = [verb for verb in fitting if not verb.is_rare]
    error = cells.error_in_short(row)
    return Line(
        row=row,
        name=states.called(row.name, words.short_name(row.name)),
        link=link,
        state=cells.state(row),
        age=cells.age(row),
        wait=cells.wait(row),
        run_time=cells.run_time(row),
        outcome=error or _result(row),
        is_error=error is not None,
        verbs=verbs,
    )


def _result(row: Any) -> str:
    text = str(row.result_in_short or "")
    if not row.is_finished or text in ("", "null"):
        return ""
    if sealing.is_token(text):
        return secrets.MASK
    if (task := registry.get(row.name)) is not None and task.sensitive:
        return secrets.MASK  # its page shows what is not to be hidden of it
    with suppress(ValueError):  # unless it was cut: databases escape, and space, as they like
        text = json.dumps(json.loads(text), ensure_ascii=False)
    return text if len(text) <= RESULT_LENGTH else f"{text[: RESULT_LENGTH - 1]}…"
