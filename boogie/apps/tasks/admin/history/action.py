"""
Tasks as actions of the list of objects: a page with the form, and a row for each object.
"""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from boogie.apps.tasks.db import clock
from boogie.apps.tasks.declaration import faces
from boogie.apps.tasks.forms import TaskForm, for_task, start_each
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.monitoring import counting

from . import access, logged

#: In front of the name of a task, the name of its action.
PREFIX = "boogie:"
#: Objects are counted up to here.
CAP = 1000
#: So many are shown.
SAMPLE = 5


def of(task: Any) -> Callable[..., HttpResponse]:
    """Return the action of ``task``."""

    def act(model_admin: Any, request: HttpRequest, queryset: Any) -> HttpResponse:
        return answer(model_admin, request, task, queryset)

    act.__name__ = f"{PREFIX}{task.name}"
    described: Any = act
    described.short_description = faces.title(task).replace("%", "%%")
    return act


def posted(request: HttpRequest) -> str | None:
    """Return the name of the task whose action is posted, by whichever menu of the page."""
    if request.method != "POST" or "_save" in request.POST:
        return None
    names = request.POST.getlist("action")
    index = request.POST.get("index", "0")[:4]
    at = int(index) if index.isdecimal() and int(index) < len(names) else 0
    name = names[at] if names else ""
    return name.removeprefix(PREFIX) if name.startswith(PREFIX) else None


def answer(model_admin: Any, request: HttpRequest, task: Any, objects: Any) -> HttpResponse:
    """Show what would be started on which objects, or start it."""
    if not access.may_start(model_admin, request, task):
        raise PermissionDenied
    if number := access.refused(model_admin, request, task, objects):
        return _refusal(model_admin, request, task, number)
    is_confirmed = "post" in request.POST
    data = request.POST if is_confirmed else None
    form = for_task(task, data=data, site=model_admin.admin_site, request=request)
    if not is_confirmed or not form.is_valid():
        return _page(model_admin, request, form, objects)
    since = clock.read(primary(Task))
    try:
        _start(model_admin, request, form, objects)
    except TypeError as error:
        if all(task.accepts(type(obj)) for obj in objects):
            raise  # it is not because of their models
        messages.error(request, str(error))
        return HttpResponseRedirect(request.get_full_path())
    return HttpResponseRedirect(_rows_link(model_admin, request, task, since))


def _context(model_admin: Any, request: HttpRequest, task: Any) -> dict[str, Any]:
    request.current_app = model_admin.admin_site.name
    return {
        **model_admin.admin_site.each_context(request),
        "title": faces.title(task),
        "opts": model_admin.opts,
        "back": request.get_full_path(),
    }


def _refusal(model_admin: Any, request: HttpRequest, task: Any, number: int) -> HttpResponse:
    context = {**_context(model_admin, request, task), "number": number}
    return TemplateResponse(request, "admin/boogie_tasks/object/refused.html", context, status=403)


def _page(model_admin: Any, request: HttpRequest, form: TaskForm, objects: Any) -> HttpResponse:
    (number,) = counting.capped([objects], CAP)
    context = {
        **_context(model_admin, request, form.task),
        "form": form.shown,
        "media": model_admin.media + form.media,
        "number": number,
        "sample": list(objects[:SAMPLE]),
        "action": f"{PREFIX}{form.task.name}",
        "keys": request.POST.getlist(ACTION_CHECKBOX_NAME),
        "select_across": request.POST.get("select_across", "0"),
    }
    return TemplateResponse(request, "admin/boogie_tasks/object/confirm.html", context)


# --- starting -------------------------------------------------------------------------


def _start(model_admin: Any, request: HttpRequest, form: TaskForm, objects: Any) -> None:
    """Make the rows, and write who did it; all or nothing."""
    task = form.task
    asked: Any = objects
    if access.depends_on_object(model_admin, task):
        asked = _allowed(model_admin, request, task, objects)
    with transaction.atomic(using=primary(Task)):
        few = list(objects[: logged.EACH + 1])
        made = start_each(form, asked, requested_by=request.user).count()
        if len(few) <= logged.EACH:
            logged.on_many(model_admin, request, task, few)
        else:
            logged.on_all(model_admin, request, task, made)
    text = ngettext(
        "%(title)s: started on %(number)d object.",
        "%(title)s: started on %(number)d objects.",
        made,
    )
    text %= {"title": form.title, "number": made}
    if task.unique_rule is not None:
        text = f"{text} {_('Objects that have one already were left out.')}"
    messages.success(request, text)


def _allowed(model_admin: Any, request: HttpRequest, task: Any, objects: Any) -> Iterator[Any]:
    """Yield the objects; one that was not there to be asked about before undoes everything."""
    for obj in access.one_by_one(objects):
        if not access.may_start(model_admin, request, task, obj):
            raise PermissionDenied
        yield obj


def _rows_link(model_admin: Any, request: HttpRequest, task: Any, since: Any) -> str:
    """Return where the new rows are, for those who may see them."""
    site = model_admin.admin_site
    if not (site.is_registered(Task) and access.may_view(model_admin, request)):
        return request.get_full_path()
    asked = {
        "task": task.name,
        "since": since.isoformat(),
        "requested_by": request.user.get_username(),
    }
    link = reverse("admin:boogie_tasks_task_changelist", current_app=site.name)
    return f"{link}?{urlencode(asked)}"
