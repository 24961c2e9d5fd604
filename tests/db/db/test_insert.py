"""The INSERT that is compiled once: it stores what ``save()`` stores, which is called if heard."""

import pytest
from django.db import connection
from django.db.models.signals import post_save, pre_save

from boogie.apps.tasks import Task
from tests.project.shop.models import Product
from tests.support.runs import declared
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

look = declared(lambda obj, n=0: n)


@pytest.mark.parametrize("signal", [pre_save, post_save])
def test_receivers_of_save_are_called_for_new_rows(signal):
    seen = []

    def note(sender, instance, **extra):
        seen.append((instance.pk, instance.status))

    product = Product.objects.create(name="pen")
    unheard = [look.delayed(product), look.paused(product)]
    signal.connect(note, sender=Task)
    try:
        rows = [look.delayed(product), look.paused(product), look.schedule(60, product)]
    finally:
        signal.disconnect(note, sender=Task)
    assert seen == [(row.pk, row.status) for row in rows]
    assert not {row.pk for row in unheard} & {key for key, _ in seen}


def test_a_prebuilt_insert_stores_what_save_stores():
    product = Product.objects.create(name="pen")
    prebuilt_row = look.delayed(product, n=5)
    post_save.connect(_nothing, sender=Task)
    try:
        saved_row = look.delayed(product, n=5)
    finally:
        post_save.disconnect(_nothing, sender=Task)
    one, two = (Task.objects.values().get(pk=row.pk) for row in (prebuilt_row, saved_row))
    assert {name for name in one if one[name] != two[name]} <= {"id", "created", "due"}
    for row in (prebuilt_row, saved_row):
        with statements() as made:
            given = (row.created, row.due)
        assert given == Task.objects.values_list("created", "due").get(pk=row.pk)
        if connection.features.can_return_columns_from_insert:
            assert made == []


def _nothing(**extra):
    pass
