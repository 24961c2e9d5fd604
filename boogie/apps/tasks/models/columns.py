"""
Which columns of a model are whose: derived from its fields, so that a new field has its place.

A field that is not ``editable`` is the machine's: once a row is stored, ``save()``
leaves it alone, and guarded statements change it. But for those in :data:`GIVEN`.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from django.db import models

from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.moments import MomentField

#: Written when a row is made, and by no statement of ours afterwards.
GIVEN = frozenset({"created", "scheduled_for"})


class Columns:
    """The columns of one model."""

    def __init__(self, model: type[models.Model]) -> None:
        fields = model._meta.concrete_fields
        machine = [f for f in fields if not f.editable and not f.primary_key]
        moments = [f for f in fields if isinstance(f, MomentField)]
        #: Names of the fields that ``save()`` leaves alone once a row is stored.
        self.machine = frozenset(field.name for field in machine) - GIVEN
        #: Names of those that it writes.
        self.saved = {field.name for field in fields if not field.primary_key} - self.machine
        #: Times that may be expressions when a row is inserted, by ``attname``.
        self.moments = tuple(field.attname for field in moments)
        self._model = model
        fresh = model()
        #: What a new instance has, in the order of the fields; made for each where it may change.
        self._fresh = {field.attname: getattr(fresh, field.attname) for field in fields}
        made = [f for f in fields if f.has_default() and callable(f.default)]
        self._made = tuple((f.attname, f.default) for f in made)
        own = [f.attname for f in machine if f not in moments]
        self._usual = [(name, getattr(fresh, name)) for name in own]
        self._always = tuple(f.attname for f in fields if f.attname not in (*own, *self.moments))

    def new(self, **values: Any) -> Any:
        """
        Return a new instance with ``values``, by ``attname``.

        As the model makes one of keywords, which costs several times more.
        """
        for name, make in self._made:
            if name not in values:
                values[name] = make()
        return self._model(*{**self._fresh, **values}.values())

    def refuse_machine(self, names: Iterable[str]) -> None:
        """Raise ``ValueError`` if one of ``names`` is of a field that only verbs may change."""
        if refused := ", ".join(sorted(self.machine.intersection(names))):
            raise ValueError(
                f"save() does not change {refused} of a stored row: it might undo what a worker "
                f"does at this moment. Use run(), pause(), cancel() or retry() of the row or of "
                f"a queryset; refresh_from_db() brings back what is stored."
            )

    def forget_computed(self, row: models.Model) -> None:
        """Have times that the database computed, and did not return, read when they are asked."""
        for name in self.computed(vars(row)):
            del vars(row)[name]

    def computed(self, values: Mapping[str, Any]) -> dict[str, Moment]:
        """Return the times among ``values`` that the database is to compute."""
        return {
            name: value
            for name in self.moments
            if (value := values.get(name)) is not None and isinstance(value, Moment)
        }

    def given(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """
        Return which of a new row's ``values`` an INSERT has to name, by ``attname``.

        The machine's own, and times, only where they differ from those of a new instance.
        """
        differing = [name for name, usual in self._usual if values[name] != usual]
        times = [
            name
            for name in self.moments
            if (value := values[name]) is not None and not isinstance(value, Moment)
        ]
        return (*self._always, *differing, *times)


@cache
def of(model: type[models.Model]) -> Columns:
    """Return the columns of ``model``."""
    return Columns(model)


def forget() -> None:
    """Derive everything anew: a model has changed (tests)."""
    of.cache_clear()
