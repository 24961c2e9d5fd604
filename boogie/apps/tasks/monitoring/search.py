"""
Searching: one field for the id of a row, a task, an object, a worker, a type of error.

What a text means is decided once, by what there is, and written in front of it: ``task=clean``.
So a page, the pages after it, and what is done to all that it found are about the same rows.
"""

import uuid
from collections.abc import Callable

from django.apps import apps
from django.db.models import Q

from boogie.apps.tasks import registry
from boogie.apps.tasks.db import sql
from boogie.apps.tasks.functions import finding
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import TaskQuerySet

from .conditions import FilterError, reference

#: Digits of an id, and how many of its last ones find it.
DIGITS, TAIL = 32, 8

#: Failures, the last ones, among which a type of error is known by its name.
LOOK = 5_000

#: Tasks whose names may contain the text.
TASKS = 50


# --- what each kind of text finds ---------------------------------------------------------


def _by_id(text: str) -> Q:
    first, last = bounds(text)
    return Q(pk__gte=first, pk__lte=last)


def _by_tail(text: str) -> Q:
    return Q(pk__endswith=text)


def _by_task(text: str) -> Q:
    return Q(name__in=[text, *_tasks(text)][:TASKS])


def _tasks(text: str) -> list[str]:
    """Return the names of tasks, those from before they were renamed included, with this text."""
    wanted = text.lower()
    names = {name for task in registry.declared() for name in task.names} | finding.names
    return sorted(name for name in names if wanted in name.lower())


def _by_object(text: str) -> Q:
    return reference("q", text)


def _by_error(text: str) -> Q:
    return Q(error_type=text) | Q(error_type__endswith=f".{text}")


def _by_worker(text: str) -> Q:
    return Q(worker=text)


KINDS: dict[str, Callable[[str], Q]] = {
    "id": _by_id,
    "tail": _by_tail,
    "task": _by_task,
    "object": _by_object,
    "error": _by_error,
    "worker": _by_worker,
}

#: Those whose rows one index has.
INDEXED = ("id", "task", "object")


def found(rows: TaskQuerySet, text: str) -> TaskQuerySet:
    """Return those of ``rows`` that a resolved text finds."""
    kind, value = _split(text)
    return rows.filter(KINDS[kind](value)) if kind else rows.none()


def is_indexed(text: str) -> bool:
    """Return whether an index finds what a resolved text means."""
    return _split(text)[0] in INDEXED


def is_about_failures(text: str) -> bool:
    """Return whether only failed rows have what a resolved text means."""
    return _split(text)[0] == "error"


def bounds(digits: str) -> tuple[uuid.UUID, uuid.UUID]:
    """Return the first and the last id that begin so."""
    return uuid.UUID(digits.ljust(DIGITS, "0")), uuid.UUID(digits.ljust(DIGITS, "f"))


def id_bounds(text: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Return between which ids all is that a resolved text finds, if it is one about ids."""
    kind, value = _split(text)
    return bounds(value) if kind == "id" else None


def _split(text: str) -> tuple[str, str]:
    kind, _is, value = text.partition("=")
    return (kind, value) if kind in KINDS and value else ("", text)


# --- what a text means --------------------------------------------------------------------


def resolved(text: str) -> str:
    """Return ``text`` with the kind in front that finds something; as it is if none does."""
    if _split(text)[0]:
        return _checked(text)
    digits = text.replace("-", "").lower()
    is_hex = 0 < len(digits) <= DIGITS and set(digits) <= set("0123456789abcdef")
    if is_hex and (len(digits) == DIGITS or _exists(_by_id(digits))):
        return f"id={digits}"
    for kind in ("object", "task"):
        if _finds(kind, text):
            return f"{kind}={text}"
    if is_hex and len(digits) == TAIL:
        return f"tail={digits}"
    if "@" in text or "/" in text:  # there is always one in the id of a worker
        return f"worker={text}"
    return f"error={text}" if _is_error(text) else text


def _checked(text: str) -> str:
    kind, value = _split(text)
    digits = value.replace("-", "").lower()
    if kind not in ("id", "tail"):
        if kind == "object":
            reference("q", value)
        return text
    if len(digits) > DIGITS or not set(digits) <= set("0123456789abcdef"):
        raise FilterError("q", f"{value!r} is no part of an id: ids have 32 digits from 0 to f.")
    return f"{kind}={digits}"


def _finds(kind: str, text: str) -> bool:
    if kind == "object":
        try:
            return bool(":" in text and reference("q", text))
        except FilterError:
            return False
    return bool(_tasks(text)) or _exists(Q(name=text))


def _is_error(text: str) -> bool:
    """Return whether one of the last failures has this type of error."""
    if not all(part.isidentifier() for part in text.split(".")):
        return False
    path = _rows().filter(status=states.FAILED, ended__isnull=False).order_by("-ended", "-pk")
    return sql.is_among(path, _rows().filter(_by_error(text)), LOOK)


def _exists(condition: Q) -> bool:
    return _rows().filter(condition).exists()


def _rows() -> TaskQuerySet:
    return TaskQuerySet(apps.get_model("boogie_tasks", "task"))
