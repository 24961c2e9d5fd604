"""
What is wrong, and what to do about it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.monitoring import schedules

from . import times
from .now import Now

#: Names of tasks that one sentence has.
NAMES = 5


@dataclass(frozen=True)
class Problem:
    """One thing that somebody should look after. ``link`` may be empty."""

    name: str
    text: str
    advice: str
    link: str = ""


def found(now: Now) -> list[Problem]:
    """Return what is wrong, the worst first."""
    return [*_of_workers(now), *_of_rows(now), *_of_schedules(now), *_of_figures(now)]


def _of_workers(now: Now) -> Iterator[Problem]:
    if not now.alive and now.waiting:
        yield Problem(
            "no-worker",
            _("Tasks are due and no worker is alive."),
            _("Start a worker; if one runs, see whether it reaches this database."),
        )
    if now.orphans:
        text = ngettext(
            "%(number)s running task belongs to a dead worker.",
            "%(number)s running tasks belong to dead workers.",
            int(now.orphans),
        )
        advice = _(
            "A living worker gives them back by itself within %(time)s. If they stay, no worker "
            "has been alive for long enough to judge."
        )
        yield Problem(
            "orphans",
            text % {"number": now.orphans},
            advice % {"time": times.in_words(conf.WORKER_TIMEOUT)},
            _rows("running"),
        )


def _of_rows(now: Now) -> Iterator[Problem]:
    if now.alive and now.stuck:
        text = ngettext(
            "%(number)s task is stuck: it has been due for %(time)s, and workers live.",
            "%(number)s tasks are stuck: they have been due for %(time)s, and workers live.",
            int(now.stuck),
        )
        yield Problem(
            "stuck",
            text % {"number": now.stuck, "time": times.in_words(conf.STUCK_AFTER)},
            _("See whether a worker serves their queue, and whether there are enough workers."),
            _rows("queued"),
        )
    if now.dead_ends.rows:
        yield _dead_ends(now)
    if now.stuck_batches.waiting:
        yield _stuck_batches(now)
    if now.stuck_batches.uncalled:
        yield _uncalled_batches(now)
    if now.unknown:
        yield Problem(
            "unknown",
            _("Tasks wait that nobody declares: %(names)s.")
            % {"names": ", ".join([*now.unknown[:NAMES], *["…"] * (len(now.unknown) > NAMES)])},
            _("Was a task renamed? List its old name in its aliases. Else cancel them."),
            _rows("queued", now.unknown[0]),
        )
    if now.stalled:
        text = ngettext(
            "%(number)s running task has stalled: its bar has not moved for %(time)s.",
            "%(number)s running tasks have stalled: their bars have not moved for %(time)s.",
            int(now.stalled),
        )
        yield Problem(
            "stalled",
            text % {"number": now.stalled, "time": times.in_words(conf.STALLED_AFTER)},
            _("See what they wait for in their logs; terminate them if they hang."),
            _rows("running"),
        )


def _dead_ends(now: Now) -> Problem:
    found = now.dead_ends
    text = ngettext(
        "%(number)s task waits for another one that has failed.",
        "%(number)s tasks wait for others that have failed.",
        found.rows,
    )
    return Problem(
        "dead-ends",
        text % {"number": f"{found.rows}+" if found.is_part else found.rows},
        _("Retry what has failed, and they go on; or cancel those that wait: %(names)s.")
        % {"names": ", ".join(found.names)},
        f"?{urlencode({'waits_for': found.failed[0].pk})}",
    )


def _stuck_batches(now: Now) -> Problem:
    stuck = now.stuck_batches.waiting
    first = stuck[0]
    text = ngettext(
        "%(number)s batch cannot end: all that is left is paused, or waits for what has failed.",
        "%(number)s batches cannot end: all that is left is paused, or waits for what has failed.",
        len(stuck),
    )
    return Problem(
        "stuck-batches",
        text % {"number": len(stuck)},
        _("Run or cancel what waits, or retry what has failed, such as in %(name)s.")
        % {"name": first},
        f"?{urlencode({'batch': first.pk})}",
    )


def _uncalled_batches(now: Now) -> Problem:
    uncalled = now.stuck_batches.uncalled
    text = ngettext(
        "%(number)s batch cannot end: nobody declares what it calls: %(names)s.",
        "%(number)s batches cannot end: nobody declares what they call: %(names)s.",
        len(uncalled),
    )
    names = sorted({name for _batch, names in uncalled for name in names})
    return Problem(
        "uncalled-batches",
        text % {"number": len(uncalled), "names": ", ".join(names[:NAMES])},
        _("Was a task renamed? List its old name in its aliases."),
        f"?{urlencode({'batch': uncalled[0][0].pk})}",
    )


def _of_schedules(now: Now) -> Iterator[Problem]:
    texts = {
        schedules.GONE: _(
            "Schedules do nothing, as their tasks or declarations are gone: %(names)s."
        ),
        schedules.FAILING: _("Schedules make no rows: %(names)s."),
        schedules.LATE_ONE: _("Schedules are late: %(names)s."),
        schedules.NEVER: _("Schedules have no slot any more: %(names)s."),
    }
    advice = {
        schedules.GONE: _("Delete them, or bring back what they were made for."),
        schedules.FAILING: _("Their pages say why. Mend that, or delete them."),
        schedules.LATE_ONE: _("See whether a worker lives whose code declares their tasks."),
        schedules.NEVER: _("Give them another time, pause or delete them."),
    }
    for what, text in texts.items():
        if found := [one.name for one in now.schedules if one.what == what]:
            shown = ", ".join([*found[:NAMES], *["…"] * (len(found) > NAMES)])
            yield Problem(f"schedules-{what}", text % {"names": shown}, advice[what])


def _of_figures(now: Now) -> Iterator[Problem]:
    if now.uncounted is not None:
        yield Problem(
            "uncounted",
            _("The figures on this page are not up to date: no worker has counted them."),
            _("Workers count once a minute. Start one, or see what its log says."),
        )


def _rows(status: str, task: str = "") -> str:
    query = urlencode({"status": status, **({"task": task} if task else {})})
    return f"?{query}"
