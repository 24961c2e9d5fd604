"""
The form field of payload columns.
"""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput

from . import codec


class PayloadField(forms.JSONField):
    """Celery's JSON in a form; left empty it is the default of its column."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"encoder": codec.Encoder, "decoder": codec.Decoder, **options})

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except codec.MALFORMED:
            message = self.error_messages["invalid"]
            raise ValidationError(message, code="invalid", params={"value": value}) from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return super().bound_data(data, initial)
        except codec.MALFORMED:
            return InvalidJSONInput(data)
