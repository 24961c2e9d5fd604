"""Filters as people write them select the rows that they name, and refuse what they cannot read."""

import datetime

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.monitoring.filters import FilterError, Filters
from tests.project.shop.models import Label, Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default"])


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


look = declared(lambda obj: str(obj), name="db.filters.look", queue="slow")
other = declared(lambda obj: str(obj), name="db.filters.other")


def found(**given):
    return set(Filters.parse(given).apply(Task.objects.all()))


def test_each_name_selects_its_rows(pen):
    user = get_user_model().objects.create(username="ada")
    label = Label.objects.create(pk="a:b")
    first, second, third = look.delayed(pen), work(other.delayed(pen)), other.paused(label)
    Task.objects.filter(pk=third.pk).update(requested_by_id=str(user.pk))
    everything = {first, second, third}
    assert found() == everything
    assert found(status="finished") == {second}
    assert found(task="db.filters.other") == {second, third}
    assert found(queue="slow") == {first}
    assert found(requested_by="ada") == found(requested_by=str(user.pk)) == {third}
    assert found(object=f"shop.product:{pen.pk}") == found(object=f"product:{pen.pk}")
    assert found(object=f"Product:{pen.pk}") == {first, second}
    assert found(object="label:a:b", status="paused") == {third}
    assert found(object="label:nothing") == set()
    assert found(model="shop.product") == {first, second}
    assert found(since="1h") == everything
    assert found(until="1h") == set()
    day = timezone.localdate() + datetime.timedelta(days=2)
    assert found(until=day.isoformat()) == everything
    assert found(since=day.isoformat()) == set()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("status", "done"),
        ("open", "perhaps"),
        ("object", "7"),
        ("object", "nothing:7"),
        ("model", "nothing"),
        ("since", "yesterday"),
        ("since", "2026-13-01"),
        ("until", "9999-12-31T23:59:59"),
    ],
)
def test_what_a_filter_cannot_read_is_refused_by_its_name(name, text):
    with pytest.raises(FilterError, match=f"{name}: .*") as caught:
        Filters.parse({name: text})
    assert caught.value.name == name


def test_a_key_that_the_model_cannot_have_finds_nothing(pen):
    look.delayed(pen)
    assert found(object="product:x") == set()


def test_a_time_counted_from_now_stays_where_it_was():
    filters = Filters.parse({"since": "2h"})
    assert filters == Filters.parse(filters.as_dict())


def test_other_parameters_are_none_of_its_business():
    assert Filters.parse({"page": "2", "status": ""}) == Filters()


def test_failures_are_selected_by_their_error_and_by_whether_they_are_open(pen):
    fall = declared(lambda obj: 1 / 0, name="db.filters.fall")
    first, second = work(fall.delayed(pen)), work(fall.delayed(pen))
    work(look.delayed(pen))
    second.acknowledge()
    both = {first, second}
    assert found(error_type="builtins.ZeroDivisionError") == both
    assert found(error_type="ZeroDivisionError") == both
    assert found(error_type="DivisionError") == found(error_type="app.ZeroDivisionError") == set()
    assert found(open="yes", task=fall.name) == {first}
    assert found(open="no") == {second}
    second.retry()
    assert found(error_type="ZeroDivisionError", open="yes") == {first}
