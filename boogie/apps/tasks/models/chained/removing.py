"""
Deleting rows: guarded by what they were when they were looked up, and not unseen by those that are
after them.
"""

from collections.abc import Sequence
from typing import Any, Self, TypeVar

from django.db import models, transaction

from boogie.apps.tasks.lifecycle.needs import arrows, leaving
from boogie.apps.tasks.models.stored import StoredQuerySet

Rows = models.QuerySet[Any]
R = TypeVar("R", bound=models.Model)

#: What is known of a row that is to be deleted: what ``leaving.KNOWN`` names.
Known = tuple[Any, str, bool, bool | None, int | None]


class Deletable(StoredQuerySet[R]):
    """Rows that may be deleted as any are in Django, and that may wait for one of them."""

    def waiting_on(self, **which: Any) -> Self:
        """Rows that wait for one of the rows ``which`` to finish, given as to ``filter()``."""
        needs = self.model._base_manager.using(self.db).filter(**which)
        unmet = arrows.all_in(self.db).filter(arrows.UNMET, needs_id__in=needs.values("pk"))
        return self.filter(pk__in=unmet.values("row_id"), is_after=True)

    def delete(self) -> tuple[int, dict[str, int]]:
        """As Django's; rows that are after those that have not finished are cancelled."""
        if self.query.is_sliced or self.query.distinct:  # which Django refuses
            return super().delete()
        rows = self.to_write()
        with transaction.atomic(using=rows.db):
            leaving.leave(rows.order_by())
            return super(Deletable, rows).delete()

    # As Django's: no manager has it, and no template calls it.
    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


def remove(everything: Rows, condemned: Sequence[Known]) -> int:
    """Delete the rows that are listed, as far as they are still what they were."""
    known = [one for one in condemned if one[2] or one[3] is not None or one[4] is not None]
    chained = [one[0] for one in known]
    statuses = {status for _, status, *_ in condemned}
    chunk: Any = everything.filter(pk__in=[one[0] for one in condemned], status__in=statuses)
    if not chained:  # one that has become so meanwhile stays
        return chunk.filter(is_needed=False)._raw_delete(everything.db) or 0
    with transaction.atomic(using=everything.db):
        leaving.leave(chunk.filter(pk__in=chained))
        return chunk._raw_delete(everything.db) or 0
