"""A router reads from a late replica: what decides, and every verb, goes to the primary."""

import contextlib

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.test import override_settings

from boogie.apps.tasks import Task, TaskFailed, task_cancelled
from tests.project.shop.models import Product
from tests.support.rows import stored
from tests.support.runs import declared, ring

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other"])

look = declared(lambda product: "seen", name="db.replicas.look")


class Replicated:
    """The router of Django's documentation, with one replica."""

    def db_for_read(self, model, **hints):
        return "other"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, *objects, **hints):
        return True


def refuse_writes(execute, sql, *args):
    assert sql.lstrip().startswith("SELECT"), f"written to the replica: {sql}"
    return execute(sql, *args)


@contextlib.contextmanager
def replicated():
    routers = override_settings(DATABASE_ROUTERS=[f"{__name__}.Replicated"])
    with routers, connections["other"].execute_wrapper(refuse_writes):
        yield


def copy(row):
    """Copy a row to the replica, where it stays as it is now."""
    kind = ContentType.objects.db_manager("other").get_for_model(Product)
    twin = Task.objects.using("default").get(pk=row.pk)
    twin.content_type_id = kind.pk
    Task.objects.using("other").bulk_create([twin])


def late(status, **fields):
    """Return a row of a status, as a reader of the replica has it."""
    row = stored(status, name=look.name, **fields)
    copy(row)
    return Task.objects.using("other").get(pk=row.pk)


def now(row):
    return Task.objects.using("default").get(pk=row.pk).status


VERBS = [
    ("paused", "run", "queued"),
    ("queued", "pause", "paused"),
    ("queued", "cancel", "cancelled"),
    ("running", "cancel", "cancelled"),
    ("failed", "retry", "queued"),
]

verbs = pytest.mark.parametrize(("source", "verb", "target"), VERBS)


@verbs
def test_a_verb_of_a_row_that_was_read_from_the_replica(source, verb, target):
    row = late(source)
    with replicated():
        assert getattr(row, verb)() is True
    assert now(row) == row.status == target


@verbs
def test_a_verb_of_a_queryset(source, verb, target):
    row = late(source)
    with replicated():
        assert getattr(Task.objects.filter(pk=row.pk), verb)() == 1
    assert now(row) == target


def test_a_verb_of_a_queryset_tells_of_what_moved_on_the_primary():
    rows = [late("queued") for _ in range(2)]
    told = []

    def hear(task, **extra):
        told.append((task.pk, task.status))

    task_cancelled.connect(hear)
    try:
        with replicated():
            assert Task.objects.queued().cancel() == 2
    finally:
        task_cancelled.disconnect(hear)
    assert sorted(told) == sorted((row.pk, "cancelled") for row in rows)


@pytest.mark.parametrize("keep_last", [False, True])
def test_clean_deletes_on_the_primary_what_is_there(keep_last):
    row = stored("finished", name=look.name)  # the replica has not got it yet
    with replicated():
        assert look.clean(keep_last=keep_last) == (not keep_last)
    assert Task.objects.using("default").filter(pk=row.pk).exists() == keep_last


def test_wait_sees_what_has_happened_on_the_primary():
    row = late("queued")
    Task.objects.using("default").filter(pk=row.pk).delete()
    ended = stored("failed", pk=row.pk, errors=[{"type": "x", "message": "no", "attempt": 1}])
    with replicated(), pytest.raises(TaskFailed):
        row.wait(timeout=0)
    assert ended.pk == row.pk


def test_a_row_is_made_moved_run_and_waited_for_though_the_replica_never_has_it():
    product = Product.objects.create(name="pen")
    with replicated():
        row = look.delayed(product)
        assert row.cancel()
        assert row.retry()
        assert row.pause()
        assert row.run()
        ring(row.name, row.pk)
        assert row.wait(timeout=0) == "seen"
        assert look.call(product) == "seen"
        assert list(look.tasks()) == []  # a plain read goes where the router says
    assert Task.objects.using("default").finished().count() == 2
