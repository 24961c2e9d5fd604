"""
What is held, for those who show it and those who leave it out.
"""

from collections.abc import Iterable

from django.db.models import Q
from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext as _

from boogie.apps.tasks import registry
from boogie.apps.tasks.lifecycle import holding
from boogie.apps.tasks.models import Hold, Task, TaskQuerySet


def active() -> list[Hold]:
    """Return the holds there are, in the order of their keys (one query)."""
    return list(Hold.objects.on_primary().active().order_by("pk"))


def of_queue(holds: Iterable[Hold], queue: str) -> Hold | None:
    """Return the one of ``holds`` that holds a queue."""
    return next((hold for hold in holds if hold.key == holding.of_queue(queue)), None)


def of_task(holds: Iterable[Hold], name: str) -> Hold | None:
    """Return the one of ``holds`` that holds a task, under whichever of its names."""
    keys = set(map(holding.of_task, names_of(name)))
    return next((hold for hold in holds if hold.key in keys), None)


def of_row(holds: Iterable[Hold], row: Task) -> Hold | None:
    """Return the one of ``holds`` that holds back a row, which is to be queued for that."""
    if not row.is_queued:
        return None
    holds = list(holds)
    return of_queue(holds, row.queue) or of_task(holds, row.name)


def in_words(hold: Hold) -> str:
    """Return what is held, by whom, since when and why, for people, as one sentence."""
    of_queue = _("The queue %(name)s is held") % {"name": hold.name}
    said = [of_queue if hold.is_of_queue else _("The task %(name)s is held") % {"name": hold.name}]
    if hold.by_name:
        said.append(_("by %(who)s") % {"who": hold.by_name})
    at = hold.since if timezone.is_naive(hold.since) else timezone.localtime(hold.since)
    said.append(_("since %(when)s") % {"when": localize(at)})
    words = ", ".join(said)
    return f"{words}: {hold.reason}" if hold.reason else f"{words}."


def names_of(name: str) -> list[str]:
    """Return every name that rows of the task called ``name`` may have."""
    return registry.names(name)


def left_alone(rows: TaskQuerySet, holds: Iterable[Hold]) -> TaskQuerySet:
    """Return those of ``rows``, which are queued, that no hold holds back."""
    queues = [hold.name for hold in holds if hold.is_of_queue]
    tasks = [name for hold in holds if not hold.is_of_queue for name in names_of(hold.name)]
    if not queues and not tasks:
        return rows
    return rows.exclude(Q(queue__in=queues) | Q(name__in=tasks))
