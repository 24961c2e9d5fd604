"""``each``: what is refused, before any row exists."""

import pytest

from boogie.apps.tasks import ArgumentError, Task
from tests.project.shop.models import Label, Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db


@declared
def look(obj, word="hello", *, loud=False):
    return [word, loud]


def products(count):
    Product.objects.bulk_create([Product(name=f"product {n}") for n in range(count)])
    return Product.objects.order_by("pk")


@pytest.mark.parametrize(
    "objects", [None, 5, "text", {"a": 1}, Product, Product.objects, Product(pk=1, name="x")]
)
def test_what_is_no_queryset_or_iterable_is_refused(objects):
    with pytest.raises(TypeError, match="takes a queryset or an iterable"):
        look.each(objects)


@pytest.mark.parametrize(
    ("args", "kwargs", "error"),
    [
        (("a", "b"), {}, TypeError),
        ((), {"unknown": 1}, TypeError),
        ((object(),), {}, ArgumentError),
        ((), {"loud": float("nan")}, ArgumentError),
    ],
)
def test_arguments_are_refused_even_if_there_is_no_object(args, kwargs, error):
    for objects in (products(2), []):
        with pytest.raises(error):
            look.each(objects, *args, **kwargs)
    assert Task.objects.count() == 0


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (5, TypeError),
        (Product, TypeError),
        (Product(name="never saved"), ValueError),
        (Label(text="x" * 256), ValueError),
        (Label(text="nul\0"), ValueError),
    ],
)
def test_one_object_that_no_row_can_be_about_refuses_all(bad, error):
    if isinstance(bad, Label):
        bad._state.adding = False
    with pytest.raises(error):
        look.each([*products(2), bad])
    assert Task.objects.count() == 0


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "10"])
def test_a_chunk_size_that_is_no_whole_number_above_zero_is_refused(size):
    for make in (look.each, look.each.paused):
        with pytest.raises(ValueError, match="chunk_size must be a whole number above 0"):
            make(products(1), chunk_size=size)
    assert Task.objects.count() == 0


def test_a_task_with_a_parameter_named_chunk_size_gets_it_by_position():
    body = declared(lambda product, chunk_size=None: chunk_size)
    (row,) = body.each(products(1), 7, chunk_size=1)
    assert work(row).get_result() == 7
