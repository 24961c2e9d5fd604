"""
What counts as one task and as one object, whichever names and classes rows were made through.

Which models are one object says :mod:`~boogie.apps.tasks.serialization.kinship`.
"""

from functools import reduce
from itertools import chain
from operator import or_
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import SynchronousOnlyOperation
from django.db import Error, models, router
from django.db.models import Case, F, Q, Value, When

from boogie.apps.tasks import registry
from boogie.apps.tasks.protocols import Row
from boogie.apps.tasks.serialization import kinship, references


def types(found: list[type[models.Model]], using: str | None = None) -> list[ContentType]:
    """Return the types by which rows in ``using`` name objects of some models; some are made."""
    kinds = ContentType.objects.db_manager(using)
    return list(kinds.get_for_models(*found, for_concrete_models=False).values())


def types_asked(found: list[type[models.Model]], using: str | None) -> Any:
    """
    Return them for a condition: in an event loop that may not read them, as a query of them.

    Django knows by heart what it has read once. What has not been made has no rows, either.
    """
    try:
        return types(found, using)
    except SynchronousOnlyOperation:
        named = (Q(app_label=one._meta.app_label, model=one._meta.model_name) for one in found)
        kinds = ContentType.objects.db_manager(using).filter(reduce(or_, named))
        return kinds.order_by().values("pk")


def type_for(model: type[models.Model], using: str | None) -> ContentType:
    """Return the type by which rows in ``using`` name objects of ``model``, or of this proxy."""
    kinds = ContentType.objects.db_manager(using)
    return kinds.get_for_model(model, for_concrete_model=False)


def type_of(row: Row) -> ContentType:
    """Return the type of a row's object from where the row was read: no replica is asked."""
    kinds = ContentType.objects.db_manager(row._state.db)  # with a cache for the process
    return kinds.get_for_id(row.content_type_id)


def reference(type_id: Any, key: str, using: str | None) -> str | None:
    """Return an object as ``app.model:key``; ``None`` for rows that are about none."""
    if type_id is None:
        return None
    try:
        kind = ContentType.objects.db_manager(using).get_for_id(type_id)
    except (ContentType.DoesNotExist, Error):  # it has gone, or cannot be read now
        return f"?:{key}"
    return f"{kind.app_label}.{kind.model}:{key}"


def whole(obj: models.Model, using: str | None) -> dict[str, Any]:
    """Return the condition of all rows in ``using`` about ``obj``, given as whichever class."""
    obj = references.check_object("for_object()", obj)
    return {
        "content_type__in": types_asked(kinship.family(type(obj)), using),
        "object_id": references.object_key(obj),
        "object_db": router.db_for_write(type(obj), instance=obj),
    }


def about(row: Any) -> str | None:
    """Return what ``row`` is about as ``app.model:key``; ``None`` for rows that are about none."""
    return reference(row.content_type_id, row.object_id, row._state.db)


def task_name() -> Any:
    """Return the expression of a row's task: the name that it has today."""
    renamed = [task for task in registry.declared() if len(task.names) > 1]
    return Case(
        *(When(name__in=task.names, then=Value(task.name)) for task in renamed),
        default=F("name"),
        output_field=models.CharField(),
    )


def kind(using: str) -> Any:
    """Return the expression of the type of a row's object: that of the root of its family."""
    manager = ContentType.objects.db_manager(using)
    large = {top: same for top, same in kinship.families().items() if len(same) > 1}
    known = manager.get_for_models(*chain(*large.values()), for_concrete_models=False)
    return Case(
        *(
            When(content_type__in=[known[one] for one in same], then=Value(known[top].pk))
            for top, same in large.items()
        ),
        default=F("content_type"),
        output_field=models.IntegerField(),
    )
