"""
A program under libfaketime: clocks are changed for the process and for SQLite in it alike.

It lives through all changes of :mod:`tests.support.zones` without ``USE_TZ``, and prints what is
not as it has to be.
"""

import os
from datetime import UTC, datetime, timedelta

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)

#: How the library is told where its clock stands, and that it is to look each time.
ENVIRONMENT = {"FAKETIME": "0", "FAKETIME_FMT": "%s", "FAKETIME_NO_CACHE": "1"}


def move(moment):
    """Have the clock stand at ``moment``."""
    os.environ["FAKETIME"] = f"{moment.timestamp():.0f}"
    assert datetime.now(UTC) == moment


def live(change):
    """Have a worker beat and rows wait over a change; yield what ought to be, and whether it is."""
    from boogie.apps.tasks import Worker
    from boogie.apps.tasks.keeper import heartbeat
    from tests.project.shop.models import Product
    from tests.support.runs import declared, work

    noting = declared(lambda product: "done")
    product = Product.objects.create(name="pen")
    move(change - DAY)
    in_days = noting.schedule(2 * DAY, product)
    move(change)
    heartbeat.beat("here@host/1", {})
    in_seconds = noting.schedule(40, product)
    move(change + 15 * SECOND)
    yield "a worker that beat 15 seconds ago lives", Worker.objects.get().is_alive
    yield "a row of 40 seconds waits after 15", work(in_seconds).is_queued
    move(change + 45 * SECOND)
    yield "a worker that beat 45 seconds ago is dead", not Worker.objects.get().is_alive
    yield "a row of 40 seconds runs after 45", work(in_seconds).is_finished
    move(change + DAY - SECOND)
    yield "a row of two days waits until then", work(in_days).is_queued
    move(change + DAY + SECOND)
    yield "a row of two days runs then", work(in_days).is_finished
    Worker.objects.all().delete()


def main():
    """Live through every change, on a database in memory."""
    import django
    from django.conf import settings
    from django.db import connection
    from django.test import override_settings

    from tests.support.zones import CHANGES

    settings.DATABASES["default"]["TEST"]["NAME"] = None
    django.setup()
    connection.creation.create_test_db(verbosity=0, serialize=False)
    for zone, changes in CHANGES.items():
        for change in changes:
            with override_settings(USE_TZ=False, TIME_ZONE=zone):
                for what, is_so in live(change.replace(tzinfo=UTC)):
                    if not is_so:
                        print(f"{zone}, {change:%B}: {what}: no")


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.project.settings"
    main()
