"""
Fields for single values. Each gives back what it showed: ``clean(prepare_value(x)) == x``.
"""

import re
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import from_current_timezone, to_current_timezone
from django.utils.duration import duration_string
from django.utils.translation import gettext_lazy as _

from . import widgets

YES = frozenset({"true", "on", "yes", "1"})
NO = frozenset({"false", "off", "no", "0", ""})
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class TextField(forms.CharField):
    """Text as it is, blanks included."""

    widget = widgets.GrowingInput

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"strip": False, **options})

    def to_python(self, value: Any) -> str:
        text = super().to_python(value) or ""
        return text.replace("\r\n", "\n")  # as browsers send the ends of lines


class YesNoField(forms.BooleanField):
    """A box to check; on the command line ``true`` or ``false``."""

    widget = widgets.Box
    default_error_messages = {"invalid": _("Write true or false.")}

    def to_python(self, value: Any) -> bool:
        word = str("" if value is None else value).strip().lower()
        if word not in YES | NO:
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return word in YES


class IntegerField(forms.IntegerField):
    """A whole number, however big."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"widget": widgets.number("numeric"), **options})


class FloatField(forms.FloatField):
    """A number, to the last digit of a float."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"widget": widgets.number("decimal"), **options})


class DecimalField(forms.DecimalField):
    """A number, to its last digit."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"widget": widgets.number("decimal"), **options})


class DateField(forms.DateField):
    """A day."""

    widget = widgets.DatePicker

    def prepare_value(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value


class TimeField(forms.TimeField):
    """A time of the day; with an offset, where one is written."""

    widget = widgets.TimePicker

    def to_python(self, value: Any) -> time | None:
        with suppress(ValueError, TypeError):
            return time.fromisoformat(value)
        return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, time) else value


class DateTimeField(forms.DateTimeField):
    """A time of a day: in the current time zone, unless an offset is written."""

    widget = widgets.DateTimePicker

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, datetime):
            return value
        with suppress(ValidationError, OverflowError):  # not once in the current zone
            local = to_current_timezone(value)
            if from_current_timezone(local) == value:
                return local.isoformat()
        return value.isoformat()


class DurationField(forms.DurationField):
    """A length of time: ``1 12:30:00``, or ``90m``, ``2h``, ``7d``."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> timedelta | None:
        if isinstance(value, str) and (match := re.fullmatch(r"(\d{1,9})\s*([smhdw])", value)):
            return timedelta(seconds=int(match[1]) * UNITS[match[2]])
        return super().to_python(value)

    def prepare_value(self, value: Any) -> Any:
        return duration_string(value) if isinstance(value, timedelta) else value


class SecretField(forms.Field):
    """What another field takes, not to be read by anybody: not in an error either."""

    default_error_messages = {"invalid": _("This does not fit; it is not shown here.")}

    def __init__(self, inner: forms.Field, **options: Any) -> None:
        super().__init__(**{"widget": widgets.secret(), "required": inner.required, **options})
        self.inner = inner

    def clean(self, value: Any) -> Any:
        if value in self.empty_values:
            super().validate(value)
        try:
            self.inner.required = self.required
            return self.inner.clean(value)
        except ValidationError:
            message = self.error_messages["invalid"]
            raise ValidationError(message, code="invalid") from None
