"""Tasks that one test declares, and rows that run in the process of the test."""

import contextlib
import itertools

import pytest
from celery.app.trace import build_tracer

from boogie.apps.tasks import Task, registry, task

# --- tasks of one test ----------------------------------------------------------------

_numbers = itertools.count(1)


def declared(function=None, /, **options):
    """``@task`` under a name that no other test has."""
    if function is None:
        return lambda source: declared(source, **options)
    if function.__name__ == "<lambda>":  # no name that Celery could compile
        function.__name__ = "body"
    options.setdefault("name", f"tests.declared_{next(_numbers)}.{function.__name__}")
    return task(**options)(function)


# --- running rows ---------------------------------------------------------------------


def work(row, **request):
    """Run a queued row in this process as a worker does on its doorbell; return it, read again."""
    ring(registry.celery_name(row), row.pk, **request)
    row.refresh_from_db()
    return row


def ring(name, pk, **request):
    """Deliver the doorbell of the row ``pk`` to Celery's own tracer."""
    body = registry.get(name)
    tracer = build_tracer(name, body, app=body.app)
    message = {
        "id": str(pk),
        "hostname": "worker@here",
        "is_eager": False,
        "delivery_info": {},
        "ignore_result": True,
    }
    tracer(str(pk), [], {}, {**message, **request})


def now_due(row):
    """Make a queued row ripe whatever time it waits for."""
    Task.objects.filter(pk=row.pk, status="queued").update(not_before=None)
    return row


def by_call(body, obj, *args, **kwargs):
    """Run a task by ``call()``; return its row, whatever came of it."""
    before = set(Task.objects.values_list("pk", flat=True))
    with contextlib.suppress(Exception):
        body.call(obj, *args, **kwargs)
    return Task.objects.exclude(pk__in=before).filter(name=body.name).get()


def by_worker(body, obj, *args, **kwargs):
    """Run a task as a worker does, its retries at once; return its row."""
    row = body.delayed(obj, *args, **kwargs)
    while work(now_due(row)).is_queued:
        pass
    return row


#: A test that takes ``run`` sees both ways in which a body can run.
both_worlds = pytest.mark.parametrize("run", [by_call, by_worker], ids=["call", "worker"])
