from django.db import connection

from boogie.apps.tasks import BoogieTask, task
from tests.tenants.orders.models import Order


@task
def where(order):
    return [order.name, connection.schema_name, type(connection.tenant).__name__]


@task
def stamp(order, then=False):
    """Change an order of this shop, and have another row made within."""
    order.note = f"{order.note} {connection.schema_name}"
    order.save()
    if then:
        stamp.delayed(order)
    return [order.name, Order.objects.count()]


@task(atomic=True)
def stamp_atomically(order):
    order.note = f"{order.note} atomic"
    order.save()
    return order.name


class Fail(BoogieTask):
    """Writes into its order that it has failed."""

    def run(self, order):
        raise ValueError(order.name)

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        order = args[0]
        if order is not None:
            order.note = f"failed in {connection.schema_name}"
            order.save()


fail = Fail.as_task()
