"""What cannot work is refused early and clearly."""

import pytest

from boogie.apps.tasks import ArgumentError, Task, registry
from tests.project.shop.models import Label, Product
from tests.support.runs import declared
from tests.support.statements import statements

pytestmark = pytest.mark.django_db


@declared
def greet(product, word="hello", *, loud=False):
    return f"{word} {product}" + "!" * loud


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


WAYS = {
    "call": lambda *args, **kwargs: greet.call(*args, **kwargs),
    "delayed": lambda *args, **kwargs: greet.delayed(*args, **kwargs),
    "paused": lambda *args, **kwargs: greet.paused(*args, **kwargs),
    "schedule": lambda *args, **kwargs: greet.schedule(5, *args, **kwargs),
}
way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


@way
def test_every_refusal_comes_before_any_row_exists(product, way):
    deleted = Product.objects.create(name="gone")
    deleted.delete()
    with statements() as made:
        with pytest.raises(TypeError, match=r"greet.*not 5 of type int"):
            way(5)
        with pytest.raises(TypeError, match="the class"):
            way(Product)
        with pytest.raises(TypeError):
            way(None)
        for many in (Product.objects.all(), Product.objects):
            with pytest.raises(TypeError, match=r"of shop\.Product; each\(\) of a task takes"):
                way(many)
        with pytest.raises(ValueError, match="never saved, or is deleted"):
            way(Product(name="new"))
        with pytest.raises(ValueError, match="never saved"):
            way(Product(pk=5, name="new"))
        with pytest.raises(ValueError, match="deleted"):
            way(deleted)
        with pytest.raises(TypeError, match="nope"):
            way(product, nope=1)
        with pytest.raises(TypeError):
            way(product, 1, 2)
        with pytest.raises(ArgumentError, match="argument 'word'"):
            way(product, {1, 2})
        with pytest.raises(ArgumentError, match=r"a QuerySet; list\(\) makes a list of it\."):
            way(product, Product.objects.all())
        with pytest.raises(ArgumentError, match="argument 'loud'"):
            way(product, loud=deleted)
    assert made == []
    assert Task.objects.count() == 0


@way
def test_a_key_of_255_characters_is_accepted_and_a_longer_one_refused(way):
    way(Label.objects.create(text="k" * 255))
    assert Task.objects.get().object_id == "k" * 255
    with pytest.raises(ValueError, match=r"256 characters.*at most 255"):
        way(Label.objects.create(text="k" * 256))
    assert Task.objects.count() == 1


def test_a_task_that_is_no_longer_registered_keeps_its_rows_readable(product, monkeypatch):
    row = greet.delayed(product)
    monkeypatch.setattr(registry, "_declared", {})
    assert Task.objects.get(pk=row.pk).object == product
