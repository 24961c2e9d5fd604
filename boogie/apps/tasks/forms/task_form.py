"""
``for_task()``: the form of a task, its own or the one that is made from its signature.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.declaration import faces
from boogie.apps.tasks.enqueue import times
from boogie.apps.tasks.exceptions import ArgumentError
from boogie.apps.tasks.serialization import instances, payloads, sealing, secrets

from . import widgets
from .arguments import (
    Call,
    arguments_of,
    call_of,
    defaults,
    initial_from,
    named,
    storable,
)
from .fields import DateTimeField
from .keys import MISSING, Searches, key_of

#: What :attr:`TaskForm.when` is for rows that wait for ``run()``.
PAUSED = "paused"

#: What our own fields begin with; no argument can have such a name.
OURS = ":"
WHEN, AT, SURE = ":when", ":at", ":sure"

#: Names that a page of the admin posts itself.
RESERVED = frozenset({"action", "select_across", "index", "csrfmiddlewaretoken", "post", "task"})

if TYPE_CHECKING:
    Base = forms.Form
else:
    Base = object


class TaskForm(Base):
    """
    Asks for the arguments of a task, and when it is to start.

    Once it is valid, :meth:`call` and :attr:`when` say what was asked for.
    """

    def __init__(self, task: Any, *, data: Any, row: Any, searches: Searches) -> None:
        self.task = task
        self._searches = searches
        self.arguments = arguments_of(task, searches)
        self._call: Call | None = None
        super().__init__(data=data, initial=self._initial(row))
        if task.form is None:
            self.fields.update({argument.name: argument.field for argument in self.arguments})
        is_open = row is not None and not sealing.is_sealed(row.args)
        self._hide_secrets(named(self.arguments, row.args, row.kwargs) if is_open else {})
        self.fields.update(self.own_fields())

    def own_fields(self) -> dict[str, forms.Field]:
        """Return our own fields, whose names begin with ":"."""
        return _own_fields(self.task)

    def _initial(self, row: Any) -> dict[str, Any]:
        shown = defaults(self.arguments) if self.task.form is None else {}
        if row is not None and not sealing.is_sealed(row.args):
            shown.update(initial_from(self.arguments, row.args, row.kwargs))
        # Fields of others know of objects and keys.
        return shown if self.task.form is None else instances.replaced(shown, key_of)

    def _hide_secrets(self, earlier: Mapping[str, Any]) -> None:
        """Have secrets asked for anew: what was given earlier is required, and never shown."""
        for argument in self.arguments:
            field = self.fields.get(argument.name)
            if not argument.is_secret or field is None or isinstance(field, forms.BooleanField):
                continue
            field.widget = widgets.secret()
            field.required = field.required or earlier.get(argument.name) is not None
            field.widget.is_required = field.required

    # --- shown ------------------------------------------------------------------------

    def add_prefix(self, field_name: str) -> str:
        """Return the name in HTML: the argument's own, unless the page uses it itself."""
        if field_name.startswith(OURS):
            return field_name.replace(":", "_")
        if field_name in RESERVED or field_name.startswith("_"):
            return f"argument-{field_name}"
        return super().add_prefix(field_name)

    @property
    def title(self) -> str:
        """What the task is called."""
        return faces.title(self.task)

    @property
    def summary(self) -> str:
        """What it does."""
        return faces.summary(self.task)

    @property
    def argument_fields(self) -> list[forms.BoundField]:
        """The fields of its arguments."""
        return [self[name] for name in self.fields if not name.startswith(OURS)]

    @property
    def when_fields(self) -> list[forms.BoundField]:
        """The fields that say when it is to start."""
        return [self[WHEN], self[AT]]

    @property
    def sure_field(self) -> forms.BoundField | None:
        """The box to be checked before something dangerous is done."""
        return self[SURE] if SURE in self.fields else None

    @property
    def shown(self) -> dict[str, Any]:
        """What a template shows; in one, ``form.title`` is the field of an argument ``title``."""
        return {
            "title": self.title,
            "summary": self.summary,
            "is_danger": self.task.danger,
            "errors": self.errors,
            "non_field_errors": self.non_field_errors(),
            "argument_fields": self.argument_fields,
            "when_fields": self.when_fields,
            "sure_field": self.sure_field,
        }

    # --- asked ------------------------------------------------------------------------

    def clean(self) -> dict[str, Any] | None:
        """Check the call as a whole, and the time."""
        given = super().clean()
        cleaned = self.cleaned_data if given is None else given
        if cleaned.get(WHEN) == "at" and cleaned.get(AT) is None and AT not in self.errors:
            self.add_error(AT, _("Say when."))
        if not self.errors:
            self._call = self._checked(self._values(cleaned))
        return given

    def _values(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of arguments; what was left to its default is not among them."""
        if self.task.form is not None:
            return {
                a.name: storable(cleaned[a.name], a) for a in self.arguments if a.name in cleaned
            }
        values = {}
        for argument in self.arguments:
            value = cleaned[argument.name]
            if self[argument.name].data in argument.field.empty_values:
                if argument.is_left_out(value):
                    continue
                value = None if argument.takes_none else value
            values[argument.name] = value
        return values

    def _checked(self, values: Mapping[str, Any]) -> Call:
        self._check_references(values)
        try:
            args, kwargs = call_of(self.arguments, values)
            self.task.check_call(None, *args, **kwargs)
            payloads.pack_arguments(self.task, args, kwargs)
        except (TypeError, ArgumentError) as error:
            raise ValidationError(str(error)) from None
        return args, kwargs

    def _check_references(self, values: Mapping[str, Any]) -> None:
        """Refuse what was typed as JSON and refers to what who fills in the form may not view."""
        for one in instances.found_in(dict(values)):
            if not self._searches.refers_to_one(one.reference):
                key = secrets.MASK if one.place in self.task.sensitive else one.reference.key
                params = {"model": one.reference.label, "key": key}
                raise ValidationError(MISSING, code="missing", params=params)

    def call(self) -> Call:
        """Return ``(args, kwargs)`` of the call that was asked for."""
        if self._call is None:
            raise ValueError(f"{self.task.name}: the form is not valid; ask is_valid() first.")
        return self._call

    @property
    def when(self) -> datetime | str | None:
        """The time that was asked for, :data:`PAUSED`, or ``None``: now."""
        chosen = self.cleaned_data[WHEN]
        if chosen == "at":
            return cast(datetime, self.cleaned_data[AT])
        return PAUSED if chosen == PAUSED else None


def _own_fields(task: Any) -> dict[str, forms.Field]:
    choices = [("now", _("now")), ("at", _("at a time")), (PAUSED, _("paused, until it is run"))]
    own: dict[str, forms.Field] = {
        WHEN: forms.ChoiceField(
            label=_("Start"), choices=choices, initial="now", widget=forms.RadioSelect
        ),
        AT: DateTimeField(label=_("Time"), required=False, validators=[_can_begin_at]),
    }
    return {**own, **sure_field(task)}


def sure_field(task: Any) -> dict[str, forms.Field]:
    """Return the box to be checked before something dangerous is done, if ``task`` is that."""
    if not task.danger:
        return {}
    return {SURE: forms.BooleanField(label=_("Yes, this is what I want."))}


def _can_begin_at(moment: datetime) -> None:
    """Raise ``ValidationError`` if no row can be scheduled for ``moment``."""
    try:
        times.stored(moment)
    except ValueError:
        raise ValidationError(_("Years go from 1 to 9999.")) from None


def form_class(task: Any) -> type[forms.BaseForm]:
    """Return the class of the form that ``task`` names; a plain one where it names none."""
    if task.form is None:
        return forms.Form
    found = import_string(task.form) if isinstance(task.form, str) else task.form
    if not (isinstance(found, type) and issubclass(found, forms.BaseForm)):
        raise ImproperlyConfigured(f"{task.name}: form names {task.form!r}, which is no form.")
    return found


def for_task(
    task: Any, *, data: Any = None, row: Any = None, site: Any = None, request: Any = None
) -> TaskForm:
    """
    Return the form of ``task``: to be filled in, or with the ``data`` that was posted.

    ``row``: its arguments are shown, its sensitive ones are asked for anew. ``site``: the admin
    site whose searches are used to choose objects, of models that the user of ``request`` may view.
    """
    kind = type("TaskForm", (TaskForm, form_class(task)), {})
    form: TaskForm = kind(task, data=data, row=row, searches=Searches(site, request))
    return form
