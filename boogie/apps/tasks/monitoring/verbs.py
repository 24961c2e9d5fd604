"""
What people do to stored rows by hand: the same verbs in the admin and on the command line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.models import TaskQuerySet, people

Text = str | Promise


@dataclass(frozen=True)
class Verb:
    """One thing to be done to rows. ``permission`` is that of Django's form, ``app.codename``."""

    name: str
    #: On a button.
    label: Text
    #: What will happen, as the rest of the sentence "This will …".
    what: Text
    permission: str
    #: Statuses of the rows that it can move.
    sources: frozenset[str]
    #: Move rows for somebody; return how many moved.
    do: Callable[[TaskQuerySet, Any], int]
    #: Whether something is lost by it.
    is_destructive: bool = False
    #: Whether it is seldom done to one row: then not each row of an object's page offers it.
    is_rare: bool = False

    def fits(self, row: Any) -> bool:
        """Return whether a row of this status can be moved."""
        return row.status in self.sources

    def is_allowed(self, user: Any) -> bool:
        """Return whether ``user`` may do it, asked of the permissions of now."""
        return bool(user.is_active and user.has_perm(self.permission))

    def before(self, rows: TaskQuerySet, moment: datetime) -> TaskQuerySet:
        """
        Return those of ``rows`` that can be moved, and could at ``moment`` as far as rows can tell.

        What was made, or ended, after it is left out: nobody has seen it then.
        """
        known = rows.filter(created__lte=moment, status__in=self.sources)
        if self.sources <= frozenset(states.ENDED):
            return known.filter(ended__lte=moment)
        if self.sources & frozenset(states.ENDED):
            return known.filter(Q(ended=None) | Q(ended__lte=moment))
        return known


#: The task of ours that does a verb to many rows, with the permissions of who asked for it.
BULK = "boogie_tasks.bulk"


def _not_of_others(rows: TaskQuerySet, user: Any) -> TaskQuerySet:
    """Leave out what would be done with somebody else's permissions; a terminal has all."""
    if user is None:
        return rows
    return rows.exclude(Q(name=BULK) & ~Q(requested_by_id=people.key_of(user)))


def _verb(
    name: str,
    label: Text,
    what: Text,
    permission: str,
    sources: frozenset[str],
    do: Callable[[TaskQuerySet, Any], int],
    **more: Any,
) -> Verb:
    return Verb(name, label, what, f"boogie_tasks.{permission}", sources, do, **more)


ALL = (
    _verb(
        "run",
        _("Run"),
        _("queue paused tasks"),
        "run_task",
        states.RUN.sources,
        lambda rows, user: _not_of_others(rows, user).run(),
    ),
    _verb(
        "run_now",
        _("Run now"),
        _("start queued tasks before their time"),
        "run_task",
        states.HASTEN.sources,
        lambda rows, user: _not_of_others(rows, user).run_now(),
    ),
    _verb(
        "pause",
        _("Pause"),
        _("pause queued tasks"),
        "run_task",
        states.PAUSE.sources,
        lambda rows, user: rows.pause(),
    ),
    _verb(
        "cancel",
        _("Cancel"),
        _("cancel tasks that have not ended; code that runs learns of it when it asks"),
        "cancel_task",
        states.CANCEL.sources,
        lambda rows, user: rows.cancel(),
        is_destructive=True,
    ),
    _verb(
        "terminate",
        _("Terminate"),
        _("cancel tasks that have not ended, and kill the processes that run them"),
        "cancel_task",
        states.CANCEL.sources,
        lambda rows, user: rows.cancel(terminate=True),
        is_destructive=True,
    ),
    _verb(
        "retry",
        _("Retry"),
        _("queue failed and cancelled tasks again"),
        "retry_task",
        states.REQUEUE.sources,
        lambda rows, user: _not_of_others(rows, user).retry(),
    ),
    _verb(
        "acknowledge",
        _("Acknowledge"),
        _("have failed tasks no longer count as open"),
        "retry_task",
        states.ACKNOWLEDGE.sources,
        lambda rows, user: rows.acknowledge(user),
    ),
    _verb(
        "erase",
        _("Erase"),
        _("take out what tasks carry: arguments, results, errors, log lines and notes"),
        "erase_task",
        frozenset(str(status) for status, _label in states.STATUS),
        lambda rows, user: rows.erase(),
        is_destructive=True,
        is_rare=True,
    ),
    _verb(
        "delete",
        _("Delete"),
        _("delete tasks that do not run, with their results"),
        "delete_task",
        frozenset(str(status) for status, _label in states.STATUS) - {states.RUNNING},
        lambda rows, user: rows.exclude(status=states.RUNNING).remove(),
        is_destructive=True,
    ),
)

#: By their names, in the order in which they are offered.
VERBS: dict[str, Verb] = {verb.name: verb for verb in ALL}
