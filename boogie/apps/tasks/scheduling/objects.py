"""
The objects of a slot, in portions that can be told from each other.
"""

from typing import Any

from django.db import models

from boogie.apps.tasks.serialization import references

#: Objects of one portion, whose rows are one transaction.
PORTION = 10_000


def can_be_parted(objects: Any) -> bool:
    """
    Return whether ``objects`` is a queryset that can be read from any key on.

    Not what is a slice, a union, one of each kind, or numbered by a window: which objects those are
    depends on others of them. That is read as a whole.
    """
    if not isinstance(objects, models.QuerySet):
        return False
    query: Any = objects.query
    if any(one.contains_over_clause for one in query.annotations.values()):
        return False
    return not (query.is_sliced or query.combinator or query.distinct_fields)


def after(objects: "models.QuerySet[Any]", cursor: str, size: int) -> "models.QuerySet[Any]":
    """Return the first ``size`` objects behind the one with the key ``cursor``, if that is any."""
    found = objects.order_by("pk")
    if not found.query.standard_ordering:
        found = found.reverse()
    if cursor:
        found = found.filter(pk__gt=references.key_value(objects.model, cursor))
    return found[:size]
