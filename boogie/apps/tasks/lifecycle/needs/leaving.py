"""
What is done about arrows and batches before rows are deleted.
"""

from typing import Any

from django.db.models import Q, QuerySet

from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.lifecycle.batched import members, telling

from . import arrows, breaking, waking

#: What is known of a row that is to be deleted.
KNOWN = ("pk", "status", "is_needed", "is_after", "batch_id")


#: Rows that somebody has to be told of.
TOLD = Q(is_needed=True) | Q(is_after__isnull=False) | Q(batch_id__isnull=False)


def leave(rows: QuerySet[Any]) -> None:
    """
    Have those told who are after ``rows``, which are deleted in the same transaction.

    Those after rows that have not finished are given up; of those that have it is noted.
    """
    locked = rows.filter(TOLD).select_for_update()
    found = list(locked.order_by("pk").values_list(*KNOWN))
    finished = {pk: status == states.FINISHED for pk, status, needed, *_ in found if needed}
    breaking.give_up(rows.db, [pk for pk, has in finished.items() if not has], deleted=True)
    for pk in (pk for pk, has in finished.items() if has):
        waking.meet_all(rows.db, pk)
    if after := [pk for pk, _, _, is_after, _ in found if is_after is not None]:
        arrows.forget(rows.db, after)
    of_batches = [(batch, status) for _, status, *_, batch in found if batch is not None]
    if of_batches:
        telling.ended(rows.db, members.forget(rows.db, of_batches))
