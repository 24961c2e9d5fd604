"""
The filter ``held_by``: a hold, as ``queue:slow`` or ``task:app.tasks.clean``, or a limit, as
``payments`` or, for one value, ``payments (5)``.
"""

from collections.abc import Iterator
from typing import cast

from django.db.models import Exists, Q
from django.utils.translation import gettext as _

from boogie.apps.tasks import limits
from boogie.apps.tasks.holds import looking
from boogie.apps.tasks.lifecycle import holding, parking, timing
from boogie.apps.tasks.models import Hold, Limit, TaskQuerySet
from boogie.apps.tasks.monitoring.conditions import FilterError

#: Lines of one limit that are named one by one.
MOST = 100


class HeldBy(str):
    """What holds rows back as people write it, with the keys of the lines that it means."""

    __slots__ = ("is_hold", "keys", "name")

    #: Of a limit with more values than are named: its name, and no keys.
    name: str
    keys: tuple[str, ...]
    is_hold: bool

    @property
    def line(self) -> str:
        """The key of the one line that it means, which an index has in order; '' if none."""
        return self.keys[0] if len(self.keys) == 1 and not self.is_hold else ""


def resolved(name: str, text: str) -> HeldBy:
    """Return ``text`` with what it means; raise :class:`FilterError` if that is nothing."""
    if isinstance(text, HeldBy):
        return text
    found = HeldBy(text)
    found.name, found.keys = "", ()
    found.is_hold = text.startswith((holding.QUEUE, holding.TASK))
    if found.is_hold:
        found.keys = (text,)
        return found
    candidates = dict(_candidates(text))
    lines = Limit.objects.filter(Q(key__in=candidates) | Q(name=text))
    keys = list(lines.values_list("key", flat=True)[: MOST + 1])
    # Nobody may have tried one of them yet.
    declared = [key for key, limit in candidates.items() if limits.known(limit) is not None]
    if not keys and not declared:
        raise FilterError(
            name,
            _(
                "%(name)s: no limit or hold is called %(text)r; write a limit as payments or, for "
                "one value, payments (5), a hold as queue:slow or task:app.tasks.clean."
            )
            % {"name": name, "text": text[:80]},
        )
    if len(keys) > MOST:
        found.name = text
    else:
        found.keys = tuple(dict.fromkeys(keys or declared))
    return found


def _candidates(text: str) -> Iterator[tuple[str, str]]:
    """Yield keys that ``text`` may mean, each with the name of its limit."""
    yield limits.key_of(text, ""), text
    if text.startswith(timing.LIMIT):
        yield text, ""
    if text.endswith(")"):
        parts = text[:-1].split(" (")
        for place in range(1, len(parts)):
            name, value = " (".join(parts[:place]), " (".join(parts[place:])
            yield limits.key_of(name, value), name


def rows(among: TaskQuerySet, name: str, text: str) -> TaskQuerySet:
    """Return those of ``among`` that are held back by what ``text`` means."""
    found = resolved(name, text)
    waiting = cast(TaskQuerySet, parking.parked(among))
    if found.is_hold:
        return of_hold(among, found)
    if found.line:
        return cast(TaskQuerySet, parking.parked(among, found.line))
    if found.name:
        return waiting.filter(held_by__in=Limit.objects.filter(name=found.name).values("key"))
    return waiting.filter(held_by__in=found.keys)


def of_hold(among: TaskQuerySet, key: str) -> TaskQuerySet:
    """Return those of ``among`` that might run now but for a hold, if it is there."""
    hold = Hold.objects.active().filter(pk=key)
    found: TaskQuerySet = timing.ripe(among.queued())
    return found.filter(its_rows(key), Exists(hold))


def its_rows(key: str) -> Q:
    """Return the condition of rows that a hold is about."""
    kind, _colon, name = key.partition(":")
    if f"{kind}:" == holding.QUEUE:
        return Q(queue=name)
    return Q(name__in=looking.names_of(name))


def in_words(text: str) -> str:
    """Return what holds rows back, as the rest of a sentence that begins with *held by*."""
    kind, colon, name = text.partition(":")
    words = {
        # Translators: behind "held by".
        holding.QUEUE: _("the hold of the queue %(name)s"),
        holding.TASK: _("the hold of the task %(name)s"),
    }
    return words.get(f"{kind}{colon}", _("the limit %(text)s")) % {"name": name, "text": text}
