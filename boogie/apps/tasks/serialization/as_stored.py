"""
Results on their way into a fixture: what is encrypted as it is stored.

A list, a dict or text knows the token that it was read from. A number, ``True`` or ``None`` cannot;
the row in the database is asked then.
"""

import json
from typing import Any

from django.db import models
from django.db.models.functions import Cast

from boogie.apps.tasks.conf import conf

from . import codec, sealing


def result(row: models.Model) -> Any:
    """Return the result of ``row`` as it is to be written: what is stored encrypted, as a token."""
    value = getattr(row, "result")  # noqa: B009 -- of whatever model
    if sealing.is_sealed(value) or isinstance(value, str | list | dict):
        return sealing.resealed(value) if isinstance(value, str) else value
    is_sealed = sealing.is_sealed(vars(row).get("args"))
    if not is_sealed and not conf.ENCRYPTION_KEYS:
        return value
    text = _text(row)
    if text is None or not sealing.is_token(text):
        is_stored = text is not None and _is_same(json.loads(text, cls=codec.Decoder), value)
        return sealing.Secret(value) if is_sealed and value is not None and not is_stored else value
    stored = json.loads(text, cls=codec.Decoder)
    if isinstance(stored, sealing.Locked) or _is_same(stored, value):
        return sealing.Locked(json.loads(text)["__value__"])
    return sealing.Secret(value)


def _text(row: models.Model) -> str | None:
    """Return the text of the column as it is stored; ``None``: there is none, or no row."""
    if row.pk is None or row._state.db is None:
        return None
    rows = type(row)._base_manager.using(row._state.db).filter(pk=row.pk)
    return rows.values_list(Cast("result", models.TextField()), flat=True).first()


def _is_same(stored: Any, value: Any) -> bool:
    return type(stored) is type(value) and bool(stored == value)
