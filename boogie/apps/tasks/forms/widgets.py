"""
Inputs that show a value exactly, or else as plain text that is read back as it was.
"""

import re
from typing import Any

from django import forms
from django.utils.safestring import SafeString


class GrowingInput(forms.TextInput):
    """One line; several where the text has several, which an input would join."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        if "\n" in str(value or ""):
            return forms.Textarea({"rows": 6}).render(name, value, attrs, renderer)
        return super().render(name, value, attrs, renderer)


class Box(forms.CheckboxInput):
    """A box to check, which leaves it to its field what another word than ``on`` means."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return data.get(name, False)


class _Picker(forms.TextInput):
    """A picker of the browser where it can show the value, else a line of text."""

    supports_microseconds = True
    picker, shown = "", re.compile("")

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        text = context["widget"]["value"]
        if not text or self.shown.fullmatch(text):
            context["widget"]["type"] = self.picker
            context["widget"]["attrs"]["step"] = "any"
        return context


class DatePicker(_Picker):
    """A day."""

    picker, shown = "date", re.compile(r"\d{4}-\d\d-\d\d")


class TimePicker(_Picker):
    """A time; browsers know no zones, and no microseconds."""

    picker, shown = "time", re.compile(r"\d\d:\d\d(:\d\d(\.\d{1,3})?)?")


class DateTimePicker(_Picker):
    """A time of a day, of the current time zone; others are shown as text, with their offset."""

    picker, shown = "datetime-local", re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?")


def number(mode: str) -> forms.TextInput:
    """Return an input for a number: a browser's own loses what no float can hold."""
    return forms.TextInput(attrs={"inputmode": mode})


def secret() -> forms.PasswordInput:
    """Return an input for what nobody is to read: never filled in, never kept by a browser."""
    return forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"})
