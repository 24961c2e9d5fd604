"""The tasks of the figure "together"."""

from bench.work.logic import add_one
from bench.work.models import Item
from boogie.apps.tasks import task

chained = task(name="bench.together.chained")(add_one)


@task(name="bench.together.by_hand", atomic=True)
def by_hand(item, last):
    """Do the same, and have the next row made."""
    add_one(item)
    if item.pk < last:
        by_hand.delayed(Item.objects.get(pk=item.pk + 1), last)


@task(name="bench.together.over")
def over(batch):
    """Be called."""
