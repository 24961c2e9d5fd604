"""
What a request asks to watch, and whether it may.
"""

from dataclasses import dataclass
from datetime import tzinfo
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib import auth
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature
from django.db import router
from django.http import HttpRequest
from django.utils import timezone, translation

from boogie.apps.tasks.monitoring import conditions
from boogie.apps.tasks.serialization import references

from . import states, tokens
from .tokens import Watched

#: Rows and objects that one request may ask for.
MAX_ASKED = 200

#: How many rows of an object are told where no token says it.
LIMIT = 20

VIEW = "boogie_tasks.view_task"


class Refused(Exception):
    """A request that gets no answer, with the HTTP status that it gets instead."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Watch:
    """What somebody may watch, and how they read it; ``in_full``: they may see every row."""

    keys: frozenset[UUID]
    objects: frozenset[Watched]
    in_full: bool
    language: str | None
    zone: tzinfo

    def look(self) -> list[dict[str, Any]]:
        """Return the rows as they are now."""
        with translation.override(self.language), timezone.override(self.zone):
            return states.look(self.keys, self.objects, self.in_full)


def watch(request: HttpRequest) -> Watch:
    """
    Return what ``request`` asks for; raise :class:`Refused`.

    All is refused if any of it is: an answer in parts would tell which ids there are.
    """
    given = {name: request.GET.getlist(name) for name in ("token", "row", "object")}
    if not any(given.values()):
        raise Refused(403, "Name what to watch: ?token=…, or ?row=… or ?object=app.model:key.")
    if (count := sum(map(len, given.values()))) > MAX_ASKED:
        raise Refused(400, f"A request may ask for {MAX_ASKED} rows and objects, not {count}.")
    sees_all = _sees_all(request)
    if (given["row"] or given["object"]) and not sees_all:
        raise Refused(403, f"To ask by row or object takes a user with the permission {VIEW}.")
    permitted = [*map(_by_token, given["token"]), *map(_by_row, given["row"])]
    permitted += map(_by_object, given["object"])
    return Watch(
        keys=frozenset(one for one in permitted if isinstance(one, UUID)),
        objects=frozenset(one for one in permitted if isinstance(one, Watched)),
        in_full=sees_all,
        language=translation.get_language(),
        zone=timezone.get_current_timezone(),
    )


def watch_again(request: HttpRequest) -> Watch:
    """Return :func:`watch` of now: tokens age, users log out and lose permissions."""
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        request.user = _user_of_now(request)
    return watch(request)


def _user_of_now(request: HttpRequest) -> Any:
    """Return who the user is without what the request has cached of them."""
    session = getattr(request, "session", None)
    if session is not None and session.session_key:
        request.session = type(session)(session.session_key)
        return auth.get_user(request)
    users: Any = auth.get_user_model()._base_manager
    return users.filter(pk=request.user.pk).first()  # was let in by other means than a session


def _sees_all(request: HttpRequest) -> bool:
    user = getattr(request, "user", None)
    return user is not None and user.is_authenticated and user.has_perm(VIEW)


def _by_token(text: str) -> UUID | Watched:
    try:
        return tokens.read(text)
    except BadSignature as error:  # or too old
        raise Refused(403, "A token is not valid, or no longer. Load the page again.") from error


def _by_row(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Refused(400, f"{text!r:.80} is no id of a row.") from error


def _by_object(text: str) -> Watched:
    label, _, key = text.partition(":")
    try:
        if not conditions.is_storable(key):
            raise ValueError(key)
        model = apps.get_model(label)
        canonical = references.object_key(conditions.object_with(model, key))
    except (LookupError, ValueError, TypeError, ValidationError) as error:
        raise Refused(400, f"{text!r:.80} is no object; write it as app.model:key.") from error
    return Watched(tokens.label_of(model), canonical, router.db_for_write(model), LIMIT)
