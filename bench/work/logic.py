"""The work: one SELECT and one UPDATE, both committed at once."""

from django.db.models import F
from django.db.models.functions import Now

from bench.work.models import Item


def add_one(item):
    """Do the UPDATE; for a system that has read the object itself."""
    Item.objects.filter(pk=item.pk).update(value=F("value") + 1, at=Now())
    return {"item": item.name, "value": item.value + 1}


def load_and_add_one(pk):
    """Do all of it; for a system that hands over the primary key."""
    return add_one(Item.objects.get(pk=pk))
