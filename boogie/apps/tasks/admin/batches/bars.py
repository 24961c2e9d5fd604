"""
How far batches are, as bars: counted up to a cap, in one statement for all of a page.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from boogie.apps.tasks.lifecycle.batched import members
from boogie.apps.tasks.models import Batch, Task
from boogie.apps.tasks.monitoring import counting

#: Rows of one batch that are counted.
CAP = 1000


@dataclass(frozen=True)
class Bar:
    """The rows of a batch, and those of them that have not ended."""

    total: counting.Count
    left: counting.Count

    @property
    def words(self) -> str:
        """How many of how many have ended; of very many, that there are so many."""
        if self.total.is_capped:
            return _("%(left)s of %(total)s left") % {"left": self.left, "total": self.total}
        done = self.total.number - self.left.number
        return _("%(done)s of %(total)s") % {"done": done, "total": self.total}

    def shown(self, title: str) -> dict[str, Any]:
        """Return what the template of a bar takes."""
        total, left = self.total.number, self.left.number
        is_known = total > 0 and not self.total.is_capped
        bar = {"value": total - left, "max": total} if is_known else {"is_hidden": True}
        return {"bar": bar, "shown": {"task": title, "summary": self.words}, "words": self.words}


def of(batches: Iterable[Batch]) -> dict[Any, Bar]:
    """Return the bars of ``batches``, all of one database, by their keys."""
    gone = {batch.pk: batch.deleted_finished + batch.deleted_others for batch in batches}
    if not gone:
        return {}
    rows = Task.objects.on_primary()
    sets = [
        one for key in gone for one in (rows.filter(batch_id=key), members.open_rows(rows, key))
    ]
    counted = counting.capped(sets, CAP)
    pairs = zip(counted[::2], counted[1::2], strict=True)
    return {
        key: Bar(total.and_more(number), left)
        for (key, number), (total, left) in zip(gone.items(), pairs, strict=True)
    }
