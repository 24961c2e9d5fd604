"""
People named in a row: who asked for it, and who has seen that it failed.

By their keys, as objects are: a user may live in another database, and go.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import models

from boogie.apps.tasks.serialization import references


def key_of(user: Any) -> str:
    """Return the key of a user as rows carry it; empty for nobody, and for who is not logged in."""
    if user is None:
        return ""
    if not hasattr(user, "get_username"):
        raise TypeError(f"A user is asked for, or None; this is {user!r:.80}.")
    return references.object_key(user) if user.pk is not None else ""


def name_of(user: Any) -> str:
    """Return what a user is called, in as many characters as a row has for it."""
    return str(user.get_username())[:255] if key_of(user) else ""


def user_of(key: str) -> models.Model | None:
    """Return the user with this key; ``None`` for nobody, and for one who is gone."""
    if not key:
        return None
    users = get_user_model()._base_manager
    try:
        found: models.Model | None = users.filter(pk=key).first()
    except (ValueError, ValidationError):  # from before the project's users had other keys
        return None
    return found


class Person:
    """An attribute of a row: the user whose key is in the column ``<name>_id``."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self._column, self._cache = f"{name}_id", f"_{name}"

    def __get__(self, row: Any, owner: type) -> Any:
        if row is None:
            return self
        key = getattr(row, self._column)
        kept = vars(row).get(self._cache)
        if kept is None or kept[0] != key:
            kept = vars(row)[self._cache] = (key, user_of(key))
        return kept[1]
