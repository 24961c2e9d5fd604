"""Rows in any status, made without a transition."""

from datetime import timedelta

from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.execution.run import rows_in
from boogie.apps.tasks.lifecycle import claim as claims
from boogie.apps.tasks.lifecycle import states
from tests.project.shop.models import Product

HOUR = timedelta(hours=1)


def coherent(status):
    """Return the fields that a row in ``status`` must have, all in the past."""
    now = timezone.now()
    fields = {"status": status}
    if status == states.QUEUED:
        fields["due"] = now - HOUR
    if status in (states.RUNNING, states.FINISHED, states.FAILED):
        fields.update(attempt=3, started=now - HOUR, worker="worker@there/1", pid=42)
    if status in states.ENDED:
        fields["ended"] = now - HOUR / 2
    return fields


def stored(status, obj=None, name="db.rows.any", **fields):
    """Insert a row in ``status`` about ``obj``."""
    obj = obj or Product.objects.create(name="thing")
    return Task.objects.create(
        name=name,
        content_type=ContentType.objects.get_for_model(obj, for_concrete_model=False),
        object_id=str(obj.pk),
        object_db="default",
        created=fields.pop("created", timezone.now()),
        **{**coherent(status), **fields},
    )


def claim(row, worker="worker@there/1", pid=1):
    """Claim a row as a worker does, whatever it is under; return how many moved: 1 or 0."""
    names = [] if row.backend else [row.name]
    claimed = claims.claim_row(
        rows_in("default"), row.pk, names, worker=worker, pid=pid, is_limited=True
    )
    return int(claimed is not None)


def columns(row):
    """Return every column of a row as it is stored."""
    return Task.objects.values().get(pk=row.pk)
