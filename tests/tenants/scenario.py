"""
Shops with orders that have the same keys, tasks about them, and a worker that knows of no shop.

What came of it is written as JSON at the end of the output.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection


def order(name):
    from tests.tenants.orders.models import Order

    return Order.objects.create(name=name)


def in_shop(schema):
    """Make rows in a shop; return them by what they are."""
    from django_tenants.utils import schema_context

    from tests.tenants.orders.tasks import fail, stamp, stamp_atomically, where

    with schema_context(schema):
        if schema == "south":  # what the ids of orders' content types differ by
            from django.contrib.contenttypes.models import ContentType

            ContentType.objects.create(app_label="nobody", model="nothing")
        orders = [order(f"{schema} {number}") for number in range(5)]
        rows = {
            "where": where.delayed(orders[0]),
            "stamp": stamp.delayed(orders[1], then=True),
            "atomic": stamp_atomically.delayed(orders[2]),
            "fail": fail.delayed(orders[3]),
            "scheduled": where.schedule(1, orders[0]),
            "each": where.each([orders[4]]).get(),
        }
        return rows, {"call": where.call(orders[0])}


def notes(schema):
    from django_tenants.utils import schema_context

    from tests.tenants.orders.models import Order

    with schema_context(schema):
        return dict(Order.objects.exclude(note="").values_list("name", "note"))


def main():
    django.setup()
    from boogie.apps.tasks import Task
    from tests.support.celery_worker import CeleryWorker
    from tests.support.waiting import wait_until
    from tests.tenants.orders.tasks import where
    from tests.tenants.shops.models import Shop

    call_command("migrate_schemas", "--shared", verbosity=0)
    for schema in ("north", "south", "gone"):
        Shop(schema_name=schema, name=schema.title()).save(verbosity=0)
    told = {}
    made = {schema: in_shop(schema) for schema in ("north", "south")}
    gone, _ = in_shop("gone")
    with connection.cursor() as cursor:
        cursor.execute('DROP SCHEMA "gone" CASCADE')
    log = Path(tempfile.mkdtemp()) / "worker.log"
    worker = CeleryWorker(
        log, os.environ, "-c", "1", "-n", f"tenants{os.getpid()}@%h", app="boogie.apps.tasks"
    )
    try:
        live = Task.objects.exclude(status__in=["finished", "failed", "cancelled"])
        wait_until(lambda: not live.exists(), 60, what=f"all rows have ended; {log}")
        children = Task.objects.filter(parent_id__isnull=False)
        for schema, (rows, more) in made.items():
            told[schema] = {**more, "notes": notes(schema)}
            for what, row in rows.items():
                row.refresh_from_db()
                told[schema][what] = [row.status, row.result, row.error, row.context]
            mine = children.filter(parent_id=rows["stamp"].pk)
            told[schema]["children"] = [[row.result, row.context] for row in mine]
        gone["where"].refresh_from_db()
        told["gone"] = [gone["where"].status, gone["where"].error]
        told["tables"] = tables()
        told["where"] = where.tasks().count()
    finally:
        worker.stop()
        sys.stderr.write(worker.log[-4000:])
    print(json.dumps(told))


def tables():
    """Return the schemas that have a table of rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'boogie_tasks_task'")
        return [name for (name,) in cursor.fetchall()]


if __name__ == "__main__":
    main()
