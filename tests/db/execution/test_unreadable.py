"""An object that cannot be read fails its row, at the first run in a process and later."""

import pytest
from django.db import connection

from boogie.apps.tasks import Task
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)

look = declared(lambda product: product.name)


def rename(old, new):
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {Product._meta.db_table} RENAME COLUMN {old} TO {new}")


@pytest.mark.parametrize("runs_before", [0, 1, 2])
def test_a_column_that_is_not_there_fails_the_row(runs_before):
    product = Product.objects.create(name="pen")
    for _ in range(runs_before):
        assert work(look.delayed(product)).is_finished
    row = look.delayed(product)
    rename("stock", "gone")
    try:
        work(row)
    finally:
        rename("gone", "stock")
    assert row.is_failed
    assert row.attempt == 1
    assert "stock" in row.error
    assert work(look.delayed(product)).is_finished


def test_an_object_whose_content_type_has_gone_fails_its_row():
    row = look.delayed(Product.objects.create(name="pen"))
    # What deletes a content type deletes the rows that are there; this one came at that moment.
    Task.objects.filter(pk=row.pk).update(content_type_id=2**30)
    row = work(row)
    assert (row.status, row.attempt, row.losses) == ("failed", 1, 0)
    assert row.error.startswith("ObjectGone: the object of content type")
