"""
What a row tells of those that it is after, and of those that are after it.
"""

from typing import Any

from django.db import models

from boogie.apps.tasks import loops
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.lifecycle.needs import arrows

#: Rows that are read by one statement.
CHUNK = 500


class Chained(models.Model):
    """A row that may be after others."""

    is_after: Any

    class Meta:
        abstract = True

    @property
    def needs(self) -> list[Any]:
        """The rows that it is after, in the order given, as they are; ``None``: it was purged."""
        loops.refuse("needs", "aneeds")
        if self.is_after is None:
            return []
        using: Any = self._state.db
        arrows_of = arrows.all_in(using).filter(row_id=self.pk).order_by("place")
        keys = list(arrows_of.values_list("needs_id", flat=True))
        found: dict[Any, Any] = {}
        for start in range(0, len(keys), CHUNK):
            found.update(self._rows().in_bulk(keys[start : start + CHUNK]))
        return [found.get(key) for key in keys]

    @property
    def waits_for(self) -> Any:
        """Those of the rows that it is after that have not finished."""
        unmet = arrows.all_in(self._rows().db).filter(arrows.UNMET, row_id=self.pk)
        return self._rows().filter(pk__in=unmet.values("needs_id")).exclude(status=states.FINISHED)

    @property
    def needed_by(self) -> Any:
        """The rows that are after it."""
        mine = arrows.all_in(self._rows().db).filter(needs_id=self.pk)
        return self._rows().filter(pk__in=mine.values("row_id"))

    def _rows(self) -> Any:
        model: Any = type(self)
        return model.objects.using(self._state.db)
