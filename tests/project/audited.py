"""The project with django-auditlog in it; run, it prints whom log entries of a run name."""

import json

from tests.project.settings import *  # noqa: F403
from tests.project.settings import INSTALLED_APPS, MIDDLEWARE

INSTALLED_APPS = [*INSTALLED_APPS, "auditlog"]
MIDDLEWARE = [*MIDDLEWARE, "auditlog.middleware.AuditlogMiddleware"]
BOOGIE_TASKS = {"CONTEXTS": ["boogie.apps.tasks.contexts.Actor"]}


def main():
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from auditlog.models import LogEntry
    from auditlog.registry import auditlog
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tests.project.shop.models import Product
    from tests.support.runs import declared, work

    auditlog.register(Product)
    ann = get_user_model().objects.create(username="ann")
    pen = Product.objects.create(name="pen")

    def rename(product, name):
        product.name = name
        product.save()

    rename = declared(rename)
    quiet = declared(lambda product: None)
    outer = declared(lambda product: rename.delayed(product, "by a child").pk)
    told = {}
    for what, made in {
        "asked": rename.using(requested_by=ann).delayed(pen, "asked"),
        "nobody": rename.delayed(pen, "nobody"),
        "parent": outer.using(requested_by=ann).delayed(pen),
        "again": rename.delayed(pen, "again"),
    }.items():
        row = work(made)
        if what == "parent":
            row = work(rename.tasks().get(parent_id=row.pk))
        entry = LogEntry.objects.first()
        told[what] = [entry.actor and entry.actor.username, row.error, row.context]
    row = quiet.using(requested_by=ann).delayed(pen)
    with CaptureQueriesContext(connection) as queries:
        work(row)
    told["users read"] = sum("blog_user" in one["sql"] for one in queries)
    rename.using(requested_by=ann).call(pen, "called")
    told["called"] = LogEntry.objects.first().actor.username
    print(json.dumps(told))


if __name__ == "__main__":
    main()
