"""A field that joins the table is stored, whoever sets it: no list has to learn of it."""

import pytest
from django.db import connection, models

from boogie.apps.tasks import Task, caches
from boogie.apps.tasks.enqueue import draft as drafts
from boogie.apps.tasks.enqueue import many, one
from tests.project.shop.models import Product
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(transaction=True)

look = declared(lambda obj: None)

#: Not by the schema editor: on SQLite it copies the model, whose status cannot be copied.
ALTER = f"ALTER TABLE {Task._meta.db_table}"


@pytest.fixture(params=[True, False], ids=["editable", "machine's own"])
def flavour(request):
    """A column that the table gets for one test."""
    field = models.CharField(max_length=20, default="", editable=request.param)
    field.contribute_to_class(Task, "flavour")
    caches.forget()
    with connection.cursor() as cursor:
        cursor.execute(f"{ALTER} ADD COLUMN flavour varchar(20) NOT NULL DEFAULT ''")
    yield field
    with connection.cursor() as cursor:
        cursor.execute(f"{ALTER} DROP COLUMN flavour")
    Task._meta.local_fields.remove(field)
    Task._meta._expire_cache()
    del Task.flavour
    caches.forget()


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@pytest.fixture(params=["", "sweet"])
def taste(request, flavour, monkeypatch):
    """Have every new row set the field."""

    def draft(*args):
        row = drafts.draft(*args)
        row.flavour = request.param
        return row

    monkeypatch.setattr(one, "draft", draft)
    monkeypatch.setattr(many, "draft", draft)
    return request.param


@pytest.mark.parametrize(
    "make",
    [
        lambda obj: look.delayed(obj),
        lambda obj: look.paused(obj),
        lambda obj: look.schedule(60, obj),
        lambda obj: look.call(obj),
        lambda obj: look.each([obj]),
    ],
    ids=["delayed", "paused", "schedule", "call", "each"],
)
def test_a_field_that_is_set_at_enqueue_is_stored(make, product, taste):
    make(product)
    assert Task.objects.values_list("flavour", flat=True).get() == taste


def test_save_leaves_the_machines_own_field_alone(product, flavour):
    row = look.paused(product)
    row.flavour = "bitter"
    row.save()
    stored = Task.objects.values_list("flavour", flat=True).get()
    assert stored == ("bitter" if flavour.editable else "")
