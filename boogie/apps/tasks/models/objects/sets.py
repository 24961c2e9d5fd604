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

    #: Of rows that are all those about one object: that, what says so, and as which condition.
    _whole: tuple[models.Model, dict[str, Any], Any] | None = None

    def _clone(self) -> Self:
        rows: Any = super()._clone()  # type: ignore[misc]
        rows._whole = self._whole
        return cast(Self, rows)

    def for_object(self, obj: models.Model) -> Self:
        """Rows about ``obj``, given as whichever class: a parent, a child, a proxy."""
        about = families.whole(obj, self.to_write().db)
        rows = self.filter(**about)
        rows._whole = None if self.query.where else (obj, about, rows.query.where)
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
        them is taken out, too, where it is that user, also out of those about other objects, of
        batches and of schedules; and schedules about the object are deleted.
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
        if self._whole is not None and self._is_whole(self._whole[2]):
            obj, about, _ = self._whole
            forget_elsewhere(everything, type(obj), about["object_id"], about["object_db"])
        return erased

    def _is_whole(self, condition: Any) -> bool:
        """Return whether these are still all rows about an object, and no others were left out."""
        return not self.query.is_sliced and bool(self.query.where == condition)


def forget_elsewhere(
    rows: models.QuerySet[Any], model: type[models.Model], key: str, using: str | None = None
) -> int:
    """
    Take out what is known of an object besides in rows about it; return how many rows it was in.

    Schedules about it are deleted, which would make rows with what they carry. If it is a user, it
    is forgotten who asked for ``rows``, for batches and for schedules. ``using``: its database; of
    users those ask for rows that are in the one to which users are written.
    """
    kinds = families.types(kinship.family(model), rows.db)
    about: dict[str, Any] = {"content_type__in": kinds, "object_id": key}
    if using is not None:
        about["object_db"] = using
    schedules, batches = (_all("Schedule", rows.db), _all("Batch", rows.db))
    outages.unlocked(rows.db, schedules.filter(**about).delete_now)
    users = _user_model()
    is_user = kinship.root(model) is kinship.root(users)
    if not is_user or using not in (None, router.db_for_write(users)):
        return 0
    for asked in (batches, schedules):
        outages.unlocked(rows.db, partial(wiping.forget, asked.filter(requested_by_id=key)))
    return outages.unlocked(rows.db, partial(wiping.forget, rows.filter(requested_by_id=key)))


def _all(name: str, using: str) -> Any:
    return apps.get_model("boogie_tasks", name).objects.using(using)


def _user_model() -> type[models.Model]:
    found: type[models.Model] = apps.get_model(settings.AUTH_USER_MODEL)
    return found


def _erase(rows: models.QuerySet[Any]) -> int:
    """Erase some rows, in one transaction; those that are to go with their object do."""
    model = _user_model()
    users = families.types(kinship.family(model), rows.db)
    with transaction.atomic(using=rows.db):
        # Nobody moves one meanwhile, from a status that is yet to come to one that was dealt with.
        list(rows.order_by("pk").select_for_update().values_list("pk"))
        transitions.cancel(rows.filter(status__in=places.WAITING))
        erased = wiping.mark(rows) + wiping.blank(rows)
        own = rows.filter(content_type__in=users, object_id=F("requested_by_id"))
        wiping.forget(own.filter(object_db=router.db_for_write(_user_model())))
    return erased
