"""Rows through the serializers of Django REST framework."""

import pytest
from django.contrib.contenttypes.models import ContentType
from rest_framework import serializers

from boogie.apps.tasks import Task
from tests.project.shop.models import Order, Product
from tests.support.rows import columns
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db

double = declared(lambda product, number=1: number * 2)


class TaskSerializer(serializers.ModelSerializer):
    class Meta:
        model = Task
        fields = "__all__"


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


def about(obj):
    kind = ContentType.objects.get_for_model(obj, for_concrete_model=False)
    return {"name": double.name, "content_type": kind.pk, "object_id": str(obj.pk), "args": [4]}


def test_a_serializer_makes_a_paused_row_that_runs(pen):
    serializer = TaskSerializer(data=about(pen))
    assert serializer.is_valid(), serializer.errors
    row = serializer.save()
    assert row.run()
    assert work(row).get_result() == 8


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", "another"),
        ("object_id", "77"),
        ("object_db", "other"),
        ("args", [5]),
        ("kwargs", {"a": 1}),
        ("queue", "another"),
        ("priority", 9),
        ("content_type", lambda: ContentType.objects.get_for_model(Order).pk),
    ],
)
@pytest.mark.parametrize("partial", [True, False])
def test_a_serializer_refuses_to_edit_what_was_given(name, value, partial, pen):
    row = double.delayed(pen, 4)
    before = columns(row)
    data = {name: value() if callable(value) else value}
    if not partial:
        data = {**TaskSerializer(row).data, **data}
    serializer = TaskSerializer(row, data=data, partial=partial)
    assert not serializer.is_valid()
    assert list(serializer.errors) == [name]
    assert serializer.errors[name][0].code == "stored"
    assert columns(row) == before


@pytest.mark.parametrize("name", ["status", "attempt", "result", "errors", "due", "log"])
def test_a_serializer_passes_by_what_is_the_machines(name, pen):
    row = double.delayed(pen)
    before = columns(row)
    serializer = TaskSerializer(row, data={name: "cancelled"}, partial=True)
    assert serializer.is_valid(), serializer.errors
    serializer.save()
    assert columns(row) == before


def test_what_is_sent_back_as_it_was_is_accepted(pen):
    row = double.delayed(pen, 4)
    before = columns(row)
    serializer = TaskSerializer(row, data=TaskSerializer(row).data)
    assert serializer.is_valid(), serializer.errors
    serializer.save()
    assert columns(row) == before
