"""
Encrypting anew, with the first key, what is stored encrypted.

Rows are locked while they are read and written, a few at a time, so that what a worker writes
meanwhile is neither undone nor left out. Whoever is killed begins again: what is done stays done.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import models, transaction
from django.db.models.functions import Cast

from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.fields import JSONField
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.serialization import codec, sealing

#: Columns in which something may be encrypted.
COLUMNS = [field.name for field in Task._meta.concrete_fields if isinstance(field, JSONField)]
#: Rows that are locked at once, and keys that are read at once.
LOCKED, READ = 50, 2000
#: Rows that are named which cannot be read.
NAMED = 20


@dataclass
class Outcome:
    """What became of rows."""

    fingerprint: str
    changed: int = 0
    unread: int = 0
    #: Of some rows that cannot be read why, by their keys.
    unreadable: dict[UUID, str] = field(default_factory=dict)

    def note(self, key: UUID, reason: str) -> None:
        """Note that a row cannot be read."""
        self.unread += 1
        if len(self.unreadable) < NAMED:
            self.unreadable[key] = reason


def every_row() -> Outcome:
    """Encrypt all rows anew; raise ``ImproperlyConfigured`` if there is no key to do it with."""
    if problem := sealing.missing():
        raise ImproperlyConfigured(problem)
    outcome = Outcome(sealing.first_fingerprint())
    using = primary(Task)
    for keys in _keys(using, outcome.fingerprint):
        for start in range(0, len(keys), LOCKED):
            chunk = keys[start : start + LOCKED]
            for key, reason in outages.unlocked(using, partial(_chunk, using, chunk, outcome)):
                outcome.note(key, reason)
    return outcome


def _keys(using: str, fingerprint: str) -> Iterator[list[UUID]]:
    """Yield the keys of rows with something that another key has encrypted, in order."""
    rows = Task.objects.using(using).order_by("pk")
    texts = {f"{name}_text": Cast(name, models.TextField()) for name in COLUMNS}
    mark = f'"{codec.SEALED}"'  # however JSON is spaced
    is_encrypted = models.Q()
    for name in texts:
        is_encrypted |= models.Q(**{f"{name}__contains": mark})
    rows = rows.alias(**texts).filter(is_encrypted)
    after = None
    while True:
        further = rows if after is None else rows.filter(pk__gt=after)
        keys = list(further.values_list("pk", flat=True)[:READ])
        if not keys:
            return
        yield keys
        after = keys[-1]


def _chunk(using: str, keys: list[UUID], outcome: Outcome) -> list[tuple[UUID, str]]:
    """Encrypt rows anew in one transaction; return those that cannot be read, and why."""
    unread = []
    changed = 0
    with transaction.atomic(using=using):
        rows = Task.objects.using(using).filter(pk__in=keys).order_by("pk").select_for_update()
        texts = [Cast(name, models.TextField()) for name in COLUMNS]
        for key, *found in rows.values_list("pk", *texts):
            try:
                changes = dict(_changes(found, outcome.fingerprint))
            except ImproperlyConfigured as error:
                unread.append((key, str(error)))
                continue
            if changes:
                changed += Task.objects.using(using).filter(pk=key).update(**changes)
    outcome.changed += changed
    return unread


def _changes(texts: list[str | None], fingerprint: str) -> Iterator[tuple[str, Any]]:
    for name, text in zip(COLUMNS, texts, strict=True):
        if text is None or codec.SEALED not in text:
            continue
        before = json.loads(text)
        after = _anew(before, fingerprint)
        if after != before:
            yield name, after


def _anew(value: Any, fingerprint: str) -> Any:
    """Return JSON with every token by the first key; the one that has it already stays."""
    if isinstance(value, list):
        return [_anew(item, fingerprint) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"__type__", "__value__"} and value["__type__"] == codec.SEALED:
        token = str(value["__value__"])
        text = sealing.decrypt(token)
        # What is encrypted may hold what was encrypted before, with whichever key.
        inner = json.loads(text) if codec.SEALED in text else None
        after = _anew(inner, fingerprint)
        if after == inner and token.startswith(f"{fingerprint}:"):
            return value
        return {
            **value,
            "__value__": sealing.encrypt(text if after == inner else json.dumps(after)),
        }
    return {key: _anew(item, fingerprint) for key, item in value.items()}
