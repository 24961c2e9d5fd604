"""
The objects that rows are about, and refer to: by name and link for those who may see them.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import connections, models, router
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

from boogie.apps.tasks.db.reading.instances import Address
from boogie.apps.tasks.models import Task, families
from boogie.apps.tasks.monitoring import describe
from boogie.apps.tasks.serialization import references
from boogie.apps.tasks.serialization.instances import Reference

logger = logging.getLogger(__name__)

#: Models whose objects are read for one page; those of others are shown by their keys.
MODELS = 5


@dataclass(frozen=True)
class Shown:
    """An object in a list. ``reference`` is what filters take; ``link`` may be empty."""

    reference: str
    text: str
    link: str = ""

    def as_html(self) -> str:
        """Return the link, or the text alone."""
        if not self.link:
            clipped = '<span class="boogie-clip" title="{}">{}</span>'
            return format_html(clipped, self.reference, self.text)
        clipped = '<a class="boogie-clip" href="{}" title="{}">{}</a>'
        return format_html(clipped, self.link, self.reference, self.text)


def shown(rows: Iterable[Any], request: HttpRequest, site: AdminSite) -> dict[Any, Shown]:
    """
    Return what rows, or batches, are about, by their keys: a query for each model.

    Some are not there.
    """
    groups: dict[tuple[int, str], list[Any]] = defaultdict(list)
    for row in rows:
        if row.content_type_id is not None:
            groups[row.content_type_id, row.object_db].append(row)
    found: dict[Any, Shown] = {}
    for number, group in enumerate(groups.values()):
        model_admin = _admin_of(group[0], site) if number < MODELS else None
        may_view = model_admin is not None and model_admin.has_view_permission(request)
        found.update(_named(group, model_admin, request) if may_view else _by_key(group))
    return found


def referred(
    found: Iterable[Reference], request: HttpRequest, site: AdminSite
) -> dict[Address, Shown]:
    """Return those instances, by their addresses, that the user may see: a query for each model."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for reference in found:
        groups[reference.label, reference.database].append(reference.key)
    seen: dict[Address, Shown] = {}
    for (label, database), keys in list(groups.items())[:MODELS]:
        model_admin = _admin_of_model(_model(label), site)
        if model_admin is None or database not in connections:
            continue
        if not model_admin.has_view_permission(request):
            continue
        for key, obj in _visible(model_admin, request, keys, database).items():
            if model_admin.has_view_permission(request, obj):
                link = _link(obj, model_admin, request)
                seen[label, key, database] = Shown(f"{label}:{key}", _text(obj, key), link)
    return seen


def _model(label: str) -> Any:
    try:
        return apps.get_model(label)
    except LookupError:
        return None


def _admin_of(row: Task, site: AdminSite) -> Any:
    """Return the admin of the model, or of the one that it is a proxy of, or ``None``."""
    try:
        model = families.type_of(row).model_class()
    except ContentType.DoesNotExist:
        return None
    return _admin_of_model(model, site)


def _admin_of_model(model: Any, site: AdminSite) -> Any:
    if model is None:
        return None
    known: dict[type[models.Model], Any] = site._registry
    return known.get(model) or known.get(model._meta.concrete_model)


def _by_key(group: list[Task]) -> dict[Any, Shown]:
    found = {}
    for row in group:
        reference = describe.reference(row)
        found[row.pk] = Shown(reference, reference.partition(".")[2] or reference)
    return found


def _named(group: list[Task], model_admin: Any, request: HttpRequest) -> dict[Any, Shown]:
    keys = [row.object_id for row in group]
    objects = _visible(model_admin, request, keys, group[0].object_db)
    found = _by_key(group)
    for row in group:
        obj = objects.get(row.object_id)
        if obj is not None and model_admin.has_view_permission(request, obj):
            link = _link(obj, model_admin, request)
            found[row.pk] = Shown(found[row.pk].reference, _text(obj, row.object_id), link)
    return found


def _visible(
    model_admin: Any, request: HttpRequest, keys: Iterable[str], database: str
) -> dict[str, models.Model]:
    """Return the objects with these keys that their own admin shows, too."""
    model, values = model_admin.model, []
    for key in keys:
        try:
            values.append(references.key_value(model, key))
        except (ValidationError, ValueError, TypeError):
            continue  # from before the model had other keys
    visible = model_admin.get_queryset(request).using(database)
    return {references.object_key(obj): obj for obj in visible.filter(pk__in=values)}


def _text(obj: models.Model, key: str) -> str:
    """Return what an object calls itself; if that fails, its key: one row is not the whole page."""
    try:
        return str(obj)
    except Exception as error:
        label = obj._meta.label
        logger.warning("%s %s cannot be shown: its __str__() raised %r", label, key, error)
        return f"{obj._meta.model_name}:{key}"


def _link(obj: models.Model, model_admin: Any, request: HttpRequest) -> str:
    """Return the address of the page of an object; empty if the page there is another one's."""
    there = model_admin.get_queryset(request).db, router.db_for_write(type(obj))
    if obj._state.db not in there:  # in another database somebody else has the key
        return ""
    site = model_admin.admin_site
    name = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change"
    try:
        return reverse(name, args=[quote(obj.pk)], current_app=site.name)
    except NoReverseMatch:
        return ""
