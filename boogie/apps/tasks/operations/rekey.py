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

from django.core.exceptions import ImproperlyConfigured
from django.db import models, transaction
from django.db.models.functions import Cast

from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.fields import JSONField
from boogie.apps.tasks.models import Schedule, Task
from boogie.apps.tasks.models.stored import primary
from boogie.apps.tasks.serialization import codec, sealing

Model = type[models.Model]

#: Where something may be encrypted: tables, and their columns.
TABLES: dict[Model, list[str]] = {
    model: [field.name for field in model._meta.concrete_fields if isinstance(field, JSONField)]
    for model in (Task, Schedule)
}
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
    unreadable: dict[Any, str] = field(default_factory=dict)

    def note(self, key: Any, reason: str) -> None:
        """Note that a row cannot be read."""
        self.unread += 1
        if len(self.unreadable) < NAMED:
            self.unreadable[key] = reason


def every_row() -> Outcome:
    """Encrypt everything anew; raise ``ImproperlyConfigured`` if there is no key to do it with."""
    if problem := sealing.missing():
        raise ImproperlyConfigured(problem)
    outcome = Outcome(sealing.first_fingerprint())
    for model in TABLES:
        using = primary(model)
        for chunk in _chunks(model, using):
            encrypt = partial(_chunk, model, using, chunk, outcome)
            for key, reason in outages.unlocked(using, encrypt):
                outcome.note(key, reason)
    return outcome


def _chunks(model: Model, using: str) -> Iterator[list[Any]]:
    """Yield these keys, as many at a time as rows are locked together."""
    for keys in _keys(model, using):
        for start in range(0, len(keys), LOCKED):
            yield keys[start : start + LOCKED]


def _keys(model: Model, using: str) -> Iterator[list[Any]]:
    """Yield the keys of rows with something that is encrypted, in order."""
    rows = model._default_manager.using(using).order_by("pk")
    texts = {f"{name}_text": Cast(name, models.TextField()) for name in TABLES[model]}
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


def _chunk(model: Model, using: str, keys: list[Any], outcome: Outcome) -> list[tuple[Any, str]]:
    """Encrypt rows anew in one transaction; return those that cannot be read, and why."""
    unread = []
    changed = 0
    with transaction.atomic(using=using):
        everything = model._default_manager.using(using)
        rows = everything.filter(pk__in=keys).order_by("pk").select_for_update()
        texts = [Cast(name, models.TextField()) for name in TABLES[model]]
        for key, *found in rows.values_list("pk", *texts):
            try:
                changes = dict(_changes(TABLES[model], found, outcome.fingerprint))
            except ImproperlyConfigured as error:
                unread.append((key, str(error)))
                continue
            if changes:
                changed += everything.filter(pk=key).update(**changes)
    outcome.changed += changed
    return unread


def _changes(
    columns: list[str], texts: list[str | None], fingerprint: str
) -> Iterator[tuple[str, Any]]:
    for name, text in zip(columns, texts, strict=True):
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
