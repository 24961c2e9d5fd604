"""
Putting new rows behind others, in the transaction that makes them.

What the others are then is locked until it ends: none of them finishes, or is cancelled, unseen.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import connections, transaction

from boogie.apps.tasks.db import features, outages
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.lifecycle.needs import arrows, waiting
from boogie.apps.tasks.models import Dependency, Task
from boogie.apps.tasks.models.stored import primary

from .given import Needs

#: Rows, or arrows, of one statement.
CHUNK = 500


@dataclass(frozen=True)
class Marked:
    """Rows that others are after from now on, in the order given; each with what arrows say."""

    needs: Sequence[tuple[Any, int]]

    @property
    def waits(self) -> bool:
        """Whether one of them has not finished."""
        return any(state == arrows.WAITS for _key, state in self.needs)


def made(needs: Needs, make: Callable[[], Task]) -> Task:
    """Make a row by ``make`` that starts after ``needs``; one that was there stays as it is."""
    using = primary(Task)
    return outages.unlocked(using, partial(_made, using, needs, make))


def _made(using: str, needs: Needs, make: Callable[[], Task]) -> Task:
    with transaction.atomic(using=using):
        marked = mark(using, needs)
        row = make()
        if row.is_new:
            put(using, [row.pk], marked)
            waiting.show(row, marked.waits)
        return row


def mark(using: str, needs: Needs) -> Marked:
    """
    Lock the rows of ``needs``, and have them tell when they end.

    Raise ``ValueError`` if one was cancelled, or is gone and has not finished.
    """
    keys = needs.keys()
    found = dict(_locked(using, sorted({key for key, _ in keys})))
    marked = []
    for key, has_finished in keys:
        if key not in found and not has_finished:
            raise ValueError(
                f"{needs.name}: after has the row {key}, which is not there any more: it will "
                f"never finish."
            )
        status = found.get(key, states.FINISHED)
        if status == states.CANCELLED:
            raise ValueError(
                f"{needs.name}: after has the row {key}, which is cancelled: it will never finish. "
                f"Its retry() has it queued again."
            )
        marked.append((key, arrows.DONE if status == states.FINISHED else arrows.WAITS))
    return Marked(marked)


def _locked(using: str, keys: list[Any]) -> Iterator[tuple[Any, str]]:
    """Yield the rows with their statuses, locked in one order for all, and marked as needed."""
    is_alone = features.has_one_writer(connections[using])
    for start in range(0, len(keys), CHUNK):
        rows = arrows.rows_in(using).filter(pk__in=keys[start : start + CHUNK])
        if is_alone:  # who has read before could not write any more
            rows.update(is_needed=True)
        yield from rows.order_by("pk").select_for_update().values_list("pk", "status")
        if not is_alone:
            rows.filter(is_needed=False).update(is_needed=True)


def put(using: str, ids: Sequence[Any], marked: Marked) -> None:
    """Have new rows start after those that are marked."""
    if not marked.needs:
        return
    new = (
        Dependency(row_id=row, needs_id=key, place=place, state=state)
        for row in ids
        for place, (key, state) in enumerate(marked.needs)
    )
    Dependency.objects.using(using).bulk_create(new, batch_size=CHUNK)
    waiting.put_behind(arrows.rows_in(using), ids, marked.waits)
