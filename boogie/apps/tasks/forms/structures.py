"""
Fields for many values at once: one a line, or JSON.
"""

import json
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.serialization import codec
from boogie.apps.tasks.serialization.forms import PayloadField
from boogie.apps.tasks.serialization.unfit import Unfit

from .fields import TextField


def _textarea() -> forms.Textarea:
    return forms.Textarea(attrs={"rows": 4})


class _Shown(codec.Encoder):
    """Numbers as they are: Python reads them back."""

    encode = json.JSONEncoder.encode


class _Exact(codec.Decoder):
    """Refuses a number that would not stay as it is."""

    def __init__(self, **options: Any) -> None:
        hooks = {"parse_float": _exact_float, "parse_constant": _no_constant}
        super().__init__(**{**options, **hooks})


class Inexact(Exception):
    """Internal: a number that no float can hold."""


def _exact_float(text: str) -> float:
    value = float(text)
    if Decimal(repr(value)) != Decimal(text):
        raise Inexact(text)
    return value


def _no_constant(text: str) -> Any:
    raise Inexact(text)


class Typed(str):
    """JSON as somebody typed it, to be shown as it is."""

    __slots__ = ()


class JSONField(PayloadField):
    """Anything as JSON: numbers exact, and refused in words where it is none."""

    default_error_messages = {
        "invalid": _("This is no JSON: %(reason)s. Text stands in double quotes."),
        "inexact": _("No number can hold %(number)s exactly; write it as text, in double quotes."),
        "unfit": _("This would not arrive as it is: %(reason)s."),
        "shape": _("This must be %(shape)s."),
    }
    shapes: dict[Any, Any] = {list: _("a list: [...]"), dict: _("an object: {...}")}

    def __init__(self, *, shape: type | None = None, **options: Any) -> None:
        super().__init__(**{"encoder": _Shown, "decoder": _Exact, "widget": _textarea(), **options})
        self._shape = shape

    def clean(self, value: Any) -> Any:
        if value in self.empty_values:
            forms.Field.validate(self, value)
            return None
        found = self.to_python(value)
        self._check(found)
        return found

    def to_python(self, value: Any) -> Any:
        try:
            return json.loads(value, cls=_Exact)
        except json.JSONDecodeError as error:
            reason = f"{error.msg} ({error.lineno}:{error.colno})"
            raise self._refused("invalid", reason=reason) from None
        except Inexact as error:
            raise self._refused("inexact", number=f"{error}"[:80]) from None
        except codec.MALFORMED as error:
            raise self._refused("invalid", reason=f"{error}"[:200]) from None

    def _check(self, value: Any) -> None:
        is_nothing = value is None and not self.required
        if self._shape and not is_nothing and not isinstance(value, self._shape):
            raise self._refused("shape", shape=self.shapes[self._shape])
        try:
            codec.pack(value)
        except Unfit as unfit:
            raise self._refused("unfit", reason=unfit.placed) from None
        except RecursionError:
            raise self._refused("unfit", reason=_("it is nested too deeply")) from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        return None if data is None else Typed(data)

    def prepare_value(self, value: Any) -> Any:
        if value is None or isinstance(value, Typed):
            return value
        return json.dumps(value, ensure_ascii=False, cls=_Shown, indent=2)

    def _refused(self, code: str, **params: Any) -> ValidationError:
        return ValidationError(self.error_messages[code], code=code, params=params)


class LinesField(forms.Field):
    """
    One value of ``inner`` a line; cleaned, a list.

    A line that begins with a double quote is text in JSON: for what has ends of lines or blanks
    around it, and for empty text. ``null`` is ``None``, where items may be.
    """

    def __init__(self, inner: forms.Field, *, takes_none: bool = False, **options: Any) -> None:
        super().__init__(**{"widget": _textarea(), **options})
        inner.required = not isinstance(inner, TextField)
        self._inner, self._takes_none = inner, takes_none

    def clean(self, value: Any) -> list[Any]:
        lines = [line.strip() for line in str(value or "").splitlines()]
        items, errors = [], []
        for number, line in enumerate(lines, 1):
            try:
                items += [self._item(line)] if line else []
            except ValidationError as error:
                errors += [
                    ValidationError(_("Line %(n)s: %(what)s"), params={"n": number, "what": what})
                    for what in error.messages
                ]
        if errors:
            raise ValidationError(errors)
        return items

    def _item(self, line: str) -> Any:
        if self._takes_none and line == "null":
            return None
        if not line.startswith('"'):
            return self._inner.clean(line)
        try:
            return self._inner.clean(json.loads(line))
        except json.JSONDecodeError:
            raise ValidationError(
                _("what begins with a double quote is text in JSON, and ends with one.")
            ) from None

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list | tuple):
            return value
        return "\n".join(self._line(item) for item in value)

    def _line(self, item: Any) -> str:
        if item is None:
            return "null"
        text = str(self._inner.prepare_value(item))
        is_plain = text == text.strip() and len(text.splitlines()) == 1 and text != "null"
        return text if is_plain and not text.startswith('"') else json.dumps(text)
