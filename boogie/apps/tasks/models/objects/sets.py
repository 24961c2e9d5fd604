"""
Rows by the objects that they are about, and what is taken out of them for these objects' sake.
"""

from functools import partial
from typing import Any, Self, TypeVar, cast

from django.apps import apps
from django.conf import settings
from django.db import models, router, transaction
from django.db.models import F
from django.db.models.query import ModelIterable

from boogie.apps.tasks import loops
from boogie.apps.tasks.db import outages
from boogie.apps.tasks.lifecycle import places, transitions, wiping
from boogie.apps.tasks.models import families
from boogie.apps.tasks.models.asynchronous.querysets import not_on_managers
from boogie.apps.tasks.models.chained import removing
from boogie.apps.tasks.serialization import kinship

from .together import WithObjects

#: Rows that are erased in one transaction.
CHUNK = 1000

R = TypeVar("R", bound=models.Model)


class OfObjects(removing.Deletable[R]):
    """The part of querysets that knows of objects."""

    #: Of rows that are all those about one object: that, and the condition that says so.
    _whole: tuple[models.Model, dict[str, Any]] | None = None

    def _clone(self) -> Self:
        rows: Any = super()._clone()  # type: ignore[misc]
        rows._whole = self._whole
        return cast(Self, rows)

    def for_object(self, obj: models.Model) -> Self:
        """Rows about ``obj``, given as whichever class: a parent, a child, a proxy."""
        about = families.whole(obj, self.to_write().db)
        rows = self.filter(**about)
        rows._whole = obj, about
        return rows

    def with_objects(self) -> Self:
        """
        The same rows, read with their objects: ``row.object`` costs no query then.

        Nor do the instances of ``get_arguments()``. One query for each model and
        database, for all rows that are read at once. It changes nothing for
        ``values()`` and ``values_list()``.
        """
        rows: Any = self._chain()  # type: ignore[attr-defined]
        if rows._iterable_class is ModelIterable:
            rows._iterable_class = WithObjects
        return cast(Self, rows)

    @not_on_managers
    @loops.has_twin
    def erase(self) -> int:
        """
        Blank arguments, results, errors, log lines and notes; return of how many rows.

        For a request for erasure: the rest of history stays. Rows that wait are cancelled first,
        and those that run blanked when they end. Of all rows ``for_object(user)`` who asked for
        them is taken out, too, where it is that user, and out of those about other objects.
        """
        rows = self.to_write()
        everything = self.model._base_manager.using(rows.db)
        erased, last = 0, None
        while True:
            ahead = rows.order_by("pk") if last is None else rows.order_by("pk").filter(pk__gt=last)
            keys = list(ahead.values_list("pk", flat=True)[:CHUNK])
            if not keys:
                break
            chunk = everything.filter(pk__in=keys)
            erased += outages.unlocked(rows.db, partial(_erase, chunk))
            last = keys[-1]
        if self._whole is not None and self._is_whole(self._whole[1]):
            forget_requester(everything, type(self._whole[0]), self._whole[1]["object_id"])
        return erased

    def _is_whole(self, about: dict[str, Any]) -> bool:
        """Return whether these are still all rows about an object, and no others were left out."""
        same = self.model._base_manager.filter(**about)
        return not self.query.is_sliced and self.query.where == same.query.where


def forget_requester(rows: models.QuerySet[Any], model: type[models.Model], key: str) -> int:
    """
    Take out who asked for ``rows``, where that is the user with this key; return how many.

    Schedules forget it as well: else the rows that they make would tell it again.
    """
    if kinship.root(model) is not kinship.root(_user_model()):
        return 0
    schedules: Any = apps.get_model("boogie_tasks", "Schedule")._base_manager
    of_user = schedules.using(router.db_for_write(schedules.model)).filter(requested_by_id=key)
    outages.unlocked(of_user.db, partial(wiping.forget, of_user))
    return outages.unlocked(rows.db, partial(wiping.forget, rows.filter(requested_by_id=key)))


def _user_model() -> type[models.Model]:
    found: type[models.Model] = apps.get_model(settings.AUTH_USER_MODEL)
    return found


def _erase(rows: models.QuerySet[Any]) -> int:
    """Erase some rows, in one transaction; those that are to go with their object do."""
    users = families.types(kinship.family(_user_model()), rows.db)
    with transaction.atomic(using=rows.db):
        # Nobody moves one meanwhile, from a status that is yet to come to one that was dealt with.
        list(rows.order_by("pk").select_for_update().values_list("pk"))
        transitions.cancel(rows.filter(status__in=places.WAITING))
        erased = wiping.mark(rows) + wiping.blank(rows)
        wiping.forget(rows.filter(content_type__in=users, object_id=F("requested_by_id")))
    return erased
