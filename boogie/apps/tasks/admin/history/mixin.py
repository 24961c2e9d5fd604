"""
``TaskHistory``: what makes an admin of any model one with tasks.
"""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.checks import CheckMessage
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import get_template, select_template
from django.urls import URLPattern, path

from boogie.apps.tasks.checks import wrong_task_actions
from boogie.apps.tasks.declaration import fitting

from . import access, action, section, start


class TaskHistory(admin.ModelAdmin):  # type: ignore[type-arg]
    """
    A ``ModelAdmin`` whose objects show their rows, and on which tasks can be started.

    Put it in front: ``class UserAdmin(TaskHistory, BaseUserAdmin)``.
    """

    #: The tasks that are offered; ``None``: every task that fits the model.
    task_actions: Sequence[Any] | None = None

    def get_task_actions(self, request: HttpRequest) -> Sequence[Any]:
        """Return the tasks that are offered, whoever asks; to be overridden."""
        return fitting.fitting(self.model) if self.task_actions is None else self.task_actions

    def check(self, **kwargs: Any) -> list[CheckMessage]:
        """As Django's, and whether what is offered are tasks."""
        return [*super().check(**kwargs), *wrong_task_actions(type(self), self.task_actions or ())]

    def get_urls(self) -> list[URLPattern]:
        """Return our page before Django's: else its name would be taken for a key."""
        view = self.admin_site.admin_view(self._start_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_boogie_start"
        own = path("<path:object_id>/boogie/<str:name>/", view, name=name)
        return [own, *super().get_urls()]

    def _start_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        return start.answer(self, request, object_id, name)

    # --- the list -----------------------------------------------------------------------

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> Any:
        """Return Django's actions, and the tasks that the user may start."""
        where = {} if action_location is None else {"action_location": action_location}
        found: Any = super().get_actions(request, **where)
        is_list = action_location is None or action_location.name == "CHANGE_LIST"
        if self.actions is None or IS_POPUP_VAR in request.GET or not is_list:
            return found
        for task in self.get_task_actions(request):
            if access.may_start(self, request, task):
                act = action.of(task)
                found[act.__name__] = self.get_action(act)
        return found

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """As Django's; an action that the user may not do is refused, not overlooked."""
        name = action.posted(request)
        if name is not None:
            tasks = [task for task in self.get_task_actions(request) if task.name == name]
            if not any(access.may_start(self, request, task) for task in tasks):
                raise PermissionDenied
        response: HttpResponse = super().changelist_view(request, extra_context)
        return response

    # --- the page of an object ----------------------------------------------------------

    def render_change_form(self, request: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        """As Django's, from whichever template, with the tasks of the object behind it."""
        response: Any = super().render_change_form(request, context, *args, **kwargs)
        obj = context.get("original")
        if obj is None or IS_POPUP_VAR in request.GET or not hasattr(response, "template_name"):
            return response
        offered = [
            task
            for task in self.get_task_actions(request)
            if access.may_start(self, request, task, obj)
        ]
        shown = section.of(self, request, obj, offered)
        if shown is not None:
            names = response.template_name
            found = get_template(names) if isinstance(names, str) else select_template(names)
            response.context_data.update(boogie=shown, boogie_page=found)
            response.template_name = "admin/boogie_tasks/object/change_form.html"
        return response
