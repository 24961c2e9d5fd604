"""
A field for one of a few values: of a ``Literal``, an ``Enum``, or Django's ``Choices``.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Choices
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Option:
    """A value, how it is written, and how it is read by people."""

    key: str
    label: Any
    value: Any

    def is_meant(self, given: Any) -> bool:
        """Return whether ``given`` is this value; ``True`` is not 1."""
        return type(given) is type(self.value) and bool(given == self.value)


def of_literal(values: Iterable[Any]) -> list[Option]:
    """Return the options of ``Literal[values]``; members of enums are their values."""
    found = [plain(value) for value in values if value is not None]
    texts = [str(value) for value in found]
    # 1 and "1" are written alike: there each is written as Python has it.
    keys = texts if _are_clear(texts) else [repr(value) for value in found]
    return [Option(key, key, value) for key, value in zip(keys, found, strict=True)]


def _are_clear(texts: list[str]) -> bool:
    return len(set(texts)) == len(texts) and "" not in texts


def of_enum(kind: type[enum.Enum]) -> list[Option]:
    """Return the options of an enum; those of Django's ``Choices`` have labels."""
    values = [str(member.value) for member in kind]
    by_value = issubclass(kind, Choices) and _are_clear(values)
    keys = values if by_value else [member.name for member in kind]
    labels = [getattr(member, "label", _in_words(member.name)) for member in kind]
    return [
        Option(key, label, member.value)
        for key, label, member in zip(keys, labels, kind, strict=True)
    ]


def _in_words(name: str) -> str:
    return name.replace("_", " ").lower().capitalize()


def yes_or_no() -> list[Option]:
    """Return the options of ``bool | None``, whose third is to leave it empty."""
    return [Option("true", _("Yes"), True), Option("false", _("No"), False)]


def plain(value: Any) -> Any:
    """Return the ``.value`` of a member of an enum, and anything else as it is."""
    return value.value if isinstance(value, enum.Enum) else value


class OptionField(forms.ChoiceField):
    """One of ``options``; cleaned, its value."""

    def __init__(self, options: list[Option], **given: Any) -> None:
        self._options = options
        choices = [("", "---------"), *((option.key, option.label) for option in options)]
        super().__init__(choices=choices, **given)

    def to_python(self, value: Any) -> str:
        text: str = super().to_python(value)
        keys = {option.key: option.key for option in self._options}
        values = {str(option.value): option.key for option in self._options}
        return {**values, **keys}.get(text, text)  # the name of a member, or its value

    def clean(self, value: Any) -> Any:
        key = super().clean(value)
        return {option.key: option.value for option in self._options}.get(key)

    def validate(self, value: Any) -> None:
        forms.Field.validate(self, value)
        known = [option.key for option in self._options]
        if value and value not in known:
            raise ValidationError(
                _("%(value)s is none of %(known)s."),
                code="invalid_choice",
                params={"value": value, "known": ", ".join(known)},
            )

    def prepare_value(self, value: Any) -> Any:
        given = plain(value)
        for option in self._options:
            if option.is_meant(given):
                return option.key
        return value
