"""
What a row of a unique task is unique by, and which row has its place if it cannot go back to it.
"""

from dataclasses import dataclass
from typing import Any

from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from boogie.apps.tasks import registry
from boogie.apps.tasks.functions import finding
from boogie.apps.tasks.lifecycle import places, states
from boogie.apps.tasks.models import Task
from boogie.apps.tasks.unique import Rule


@dataclass(frozen=True)
class Unique:
    """Words for how a row is unique, and the row that has its place instead of it."""

    words: str
    holder: Task | None


def of(row: Task) -> Unique | None:
    """Return how ``row`` is unique; ``None``: it is not. One query if it might be queued again."""
    if not row.unique_key:
        return None
    back = states.REQUEUE.sources if row.unique_running else {*states.REQUEUE.sources, "running"}
    return Unique(_words(row), places.holder(row) if row.status in back else None)


def _words(row: Task) -> str:
    if row.unique_running:
        text = _("One may wait or run at a time.")
    else:
        text = _("One may wait at a time.")
    parts = _parts(row, _rule(row))
    return f"{text} {parts}" if parts else text


def _parts(row: Task, rule: Rule | None) -> str:
    """Return what makes a difference between two calls; empty: nobody knows."""
    if rule is None:
        return ""
    parts = [] if row.backend else [_("the object")]
    parts += rule.names
    if rule.by is not None:
        parts.append(_("what the task makes of the call"))
    if not parts:
        return ""
    return _("By: %(parts)s.") % {"parts": get_text_list(parts, _("and"))}


def _rule(row: Task) -> Any:
    if not row.backend:
        return getattr(registry.get(row.name), "unique_rule", None)
    if finding.problem(row.name):
        return None
    from boogie.apps.tasks.functions import declared  # a project without functions has none of it

    return declared.rule_of(finding.find(row.name))
