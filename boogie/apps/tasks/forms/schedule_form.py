"""
``for_schedule()``: the form of a schedule, with the arguments of its task.
"""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks import schedules
from boogie.apps.tasks.models import Schedule
from boogie.apps.tasks.recurrence import when as recurrence
from boogie.apps.tasks.scheduling import repeating

from . import keys
from .fields import DateTimeField
from .keys import Searches
from .task_form import TaskForm, form_class, sure_field

#: Our own fields.
OBJECT, NAME, REPEAT, ZONE = ":object", ":name", ":repeat", ":zone"
MISSED, NEXT, AGAIN = ":missed", ":next", (":repeat", ":zone", ":missed", ":next", ":name")

HELP = _(
    "Five fields of cron: minute, hour, day of the month, month, day of the week, such as "
    "30 8 * * mon-fri. Or a length of time, such as 01:30:00 or 7 00:00:00."
)


class ScheduleForm(TaskForm):
    """
    Asks for the object and the arguments of a task, and when it is to be repeated.

    Of a ``schedule`` that there is, the object and the name stay as they are.
    """

    schedule: Schedule | None = None
    model: Any = None

    def own_fields(self) -> dict[str, forms.Field]:
        """Return our own fields: those of a schedule."""
        is_new = self.schedule is None
        own: dict[str, forms.Field] = {}
        if is_new:
            label = self.model._meta.verbose_name
            own[OBJECT] = keys.field_for(self.model, self._searches, label=label, required=True)
        own[REPEAT] = forms.CharField(
            label=_("Repeat"), max_length=recurrence.MAX_TEXT, help_text=HELP, validators=[_repeats]
        )
        own[ZONE] = forms.ChoiceField(label=_("Time zone"), choices=_zones)
        choices = [
            (name, label) for name, label in Schedule._meta.get_field("missed").choices or ()
        ]
        own[MISSED] = forms.ChoiceField(label=_("Missed slots are"), choices=choices)
        if is_new:
            words = _("Empty: made of task, object, time and arguments.")
            own[NAME] = forms.CharField(
                label=_("Name"),
                max_length=schedules.MAX_NAME,
                required=False,
                help_text=words,
                validators=[_is_free],
            )
        else:
            own[NEXT] = DateTimeField(label=_("Next run"), required=False)
        for name, value in self._shown().items():
            if name in own:
                own[name].initial = value
        return {**own, **sure_field(self.task)}

    def _shown(self) -> dict[str, Any]:
        one = self.schedule
        if one is None:
            return {ZONE: timezone.get_default_timezone_name(), MISSED: schedules.ONCE}
        repeat = recurrence.as_written(one.when)
        return {REPEAT: repeat, ZONE: one.time_zone, MISSED: one.missed, NEXT: one.next_run}

    @property
    def when_fields(self) -> list[forms.BoundField]:
        """The fields that say when it is to be repeated, and what it is called."""
        return [self[name] for name in AGAIN if name in self.fields]

    @property
    def object_field(self) -> forms.BoundField | None:
        """The field for the object."""
        return self[OBJECT] if OBJECT in self.fields else None

    @property
    def shown(self) -> dict[str, Any]:
        """What a template shows."""
        return {**super().shown, "object_field": self.object_field}

    @property
    def obj(self) -> Any:
        """The object that was chosen."""
        return self.cleaned_data[OBJECT]

    def save(self, *, requested_by: Any = None) -> Schedule:
        """Make the schedule that a valid form asks for, or change the one there is."""
        args, kwargs = self.call()
        given = self.cleaned_data
        when = recurrence.of_text(given[REPEAT])
        if self.schedule is not None:
            return self._change(self.schedule, str(when), args, kwargs)
        options = {"time_zone": given[ZONE], "missed": given[MISSED]}
        if given[NAME]:
            options["name"] = given[NAME]
        if requested_by is not None:
            options["requested_by"] = requested_by
        made: Schedule = self.task.using(**options).repeat(when, self.obj, *args, **kwargs)
        return made

    def _change(self, one: Schedule, when: str, args: Any, kwargs: Any) -> Schedule:
        given = self.cleaned_data
        repeating.change(one, when, given[ZONE], given[MISSED], args, kwargs)
        if NEXT in self.changed_data:
            one.next_run = given[NEXT]
        one.save()
        return one


def _zones() -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(available_timezones())]


def _repeats(text: str) -> None:
    try:
        recurrence.of_text(text)
    except ValueError as error:
        raise ValidationError(str(error), code="invalid") from None


def _is_free(name: str) -> None:
    try:
        schedules.check_name(name)
    except ValueError as error:
        raise ValidationError(str(error), code="invalid") from None
    if schedules.get(name) or Schedule.objects.on_primary().filter(name=name).exists():
        raise ValidationError(_("There is a schedule of this name."), code="unique")


def for_schedule(
    task: Any,
    *,
    model: type[models.Model] | None = None,
    schedule: Schedule | None = None,
    data: Any = None,
    site: Any = None,
    request: Any = None,
) -> ScheduleForm:
    """
    Return the form of a ``schedule``, or of a new one of ``task`` about an object of ``model``.

    ``site`` and ``request``: as for :func:`for_task`.
    """
    about = {"schedule": schedule, "model": model}
    kind = type("ScheduleForm", (ScheduleForm, form_class(task)), about)
    form: ScheduleForm = kind(task, data=data, row=schedule, searches=Searches(site, request))
    return form
