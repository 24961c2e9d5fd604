"""
The fields in which filters are filled in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from boogie.apps.tasks import registry
from boogie.apps.tasks.functions import finding
from boogie.apps.tasks.monitoring.filters import FILTERS


@dataclass(frozen=True)
class FilterField:
    """One field, and what the browser offers for it."""

    name: str
    label: str
    value: str
    example: str
    choices: tuple[str, ...] = ()


def labels() -> dict[str, str]:
    """Return what filters are called, by their names."""
    return {
        "status": _("Status"),
        "task": _("Task"),
        "queue": _("Queue"),
        "held_by": _("Held by"),
        "requested_by": _("Requested by"),
        "since": _("Since"),
        "until": _("Until"),
        "model": _("Model"),
        "object": _("Object"),
        "error_type": _("Error"),
        "batch": _("Batch"),
        "waits_for": _("Waits for"),
        "open": _("Open failures"),
        "q": _("Search"),
    }


_EXAMPLES = {
    "task": "app.tasks.name",
    "queue": "celery",
    "held_by": "queue:slow, task:app.tasks.name, payments (5)",
    "since": "2h, 7d, 2026-11-26",
    "until": "30m, 2026-11-26T14:30",
    "model": "app.model",
    "object": "app.model:key",
    "error_type": "ValueError, app.errors.NoStock",
    "open": "yes, no",
}


def of(params: Mapping[str, Any]) -> list[FilterField]:
    """Return the fields of the filters that have no place of their own."""
    choices = {
        "task": tuple(sorted({task.name for task in registry.declared()} | finding.names)),
        "open": ("yes", "no"),
    }
    called = labels()
    return [
        FilterField(
            name=name,
            label=called[name],
            value=str(params.get(name, "")),
            example=_EXAMPLES.get(name, ""),
            choices=choices.get(name, ()),
        )
        for name in FILTERS
        if name not in ("status", "q")  # they have tabs, and a field of their own
    ]
