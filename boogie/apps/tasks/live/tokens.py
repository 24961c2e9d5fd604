"""
Tokens: the right to watch one row, or the newest rows of one object. No query is made here.

A token is signed, so that nobody makes one from an id, and ages by ``BOOGIE_TASKS["TOKEN_AGE"]``.
It is short: a page asks with those of all its widgets in one URL.
"""

import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from django.apps import apps
from django.core.signing import BadSignature, TimestampSigner
from django.db import models, router
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.serialization import kinship, references

SALT = "boogie.apps.tasks.live"

ROW, OBJECT = "r", "o"

#: Characters of a signature.
SIGNATURE = 22

#: How many rows of an object are watched, at most.
MAX_LIMIT = 50


@dataclass(frozen=True)
class Watched:
    """
    The newest ``limit`` rows of one object.

    ``label``: the topmost model with its key as ``app.model``; ``key``: as rows carry it.
    """

    label: str
    key: str
    db: str
    limit: int

    @classmethod
    def of(cls, obj: Any, limit: int) -> Self:
        """Return the newest rows of ``obj``."""
        obj = references.check_object("object_tasks", obj)
        db = router.db_for_write(type(obj), instance=obj)
        return cls(label_of(type(obj)), references.object_key(obj), db, min(limit, MAX_LIMIT))

    @property
    def family(self) -> list[type[models.Model]]:
        """The models that this object may be of; ``LookupError`` if its own is no more."""
        return kinship.family(apps.get_model(self.label))

    @property
    def reference(self) -> str:
        """The object as the JSON of its rows names it."""
        return f"{self.label}:{self.key}"


def label_of(model: type[models.Model]) -> str:
    """Return how the objects of a model are named, as whichever class they were read."""
    return kinship.root(model)._meta.label_lower


def for_row(pk: uuid.UUID) -> str:
    """Return a token for the row with this key."""
    return _signer().sign(ROW + urlsafe_base64_encode(pk.bytes))


def for_object(watched: Watched) -> str:
    """Return a token for the newest rows of an object."""
    content = [watched.label, watched.key, watched.db, watched.limit]
    return _signer().sign(OBJECT + urlsafe_base64_encode(json.dumps(content).encode()))


def read(token: str) -> uuid.UUID | Watched:
    """Return what a token lets its holder watch; raise ``BadSignature`` if it lets nothing."""
    signed = _signer().unsign(token, max_age=timedelta(seconds=conf.TOKEN_AGE))
    content = urlsafe_base64_decode(signed[1:])
    if signed[0] == ROW:
        return uuid.UUID(bytes=content)
    watched = Watched(*json.loads(content))
    try:
        apps.get_model(watched.label)
    except LookupError as error:
        raise BadSignature(f"{watched.label} is no model any more") from error
    return watched


class _Signer(TimestampSigner):
    """Django's, but with 132 bits of the signature's 256: a page may have a hundred tokens."""

    def signature(self, value: str | bytes, key: str | bytes | None = None) -> str:
        return super().signature(value, key)[:SIGNATURE]


def _signer() -> _Signer:
    return _Signer(salt=SALT, sep=".")  # a colon would take three characters in a URL
