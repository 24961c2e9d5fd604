"""
What was started on which objects, written where the admin keeps it.
"""

from typing import Any, cast

from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from boogie.apps.tasks.declaration import faces

#: Up to so many objects have an entry each; more have one together.
EACH = 100


def on_one(model_admin: Any, request: HttpRequest, task: Any, obj: Any) -> None:
    """Write that ``task`` was started on ``obj``."""
    model_admin.log_change(request, obj, _message(task))


def on_many(model_admin: Any, request: HttpRequest, task: Any, objects: list[Any]) -> None:
    """Write an entry for each of ``objects``."""
    for obj in objects:
        model_admin.log_change(request, obj, _message(task))


def on_all(model_admin: Any, request: HttpRequest, task: Any, number: int) -> None:
    """Write one entry for a ``number`` of objects."""
    from django.contrib.admin.models import CHANGE, LogEntry

    opts, user = model_admin.opts, cast(Any, request.user)
    objects = ngettext("%(number)d object", "%(number)d objects", number) % {"number": number}
    LogEntry.objects.create(
        user_id=user.pk,
        content_type=ContentType.objects.get_for_model(opts.model, for_concrete_model=False),
        object_repr=f"{opts.verbose_name_plural}: {objects}"[:200],
        action_flag=CHANGE,
        change_message=_message(task),
    )


def _message(task: Any) -> str:
    return _("Started “%(title)s” (%(name)s).") % {"title": faces.title(task), "name": task.name}
