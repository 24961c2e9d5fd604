"""Unique functions of Django Tasks: a second enqueue returns the result with the same id."""

import pytest

from boogie.apps.tasks import Task
from boogie.apps.tasks.functions import declared, library
from tests.project.shop import functions
from tests.project.shop.models import Product
from tests.support.runs import declared as of_objects
from tests.support.runs import work

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not library.has_options, reason="@task takes no options before Django 6.1"),
]


def unique(function=functions.add, **options):
    return declared.FunctionTask(func=function.func, **options)


def row_of(result):
    return Task.objects.get(pk=result.id)


@pytest.mark.parametrize("mode", [True, "live", "waiting"])
def test_a_second_enqueue_returns_the_result_with_the_same_id(mode):
    task = unique(unique=mode)
    first, second = task.enqueue(1), task.enqueue(2)
    assert first.id == second.id
    assert second.args == [1]
    assert Task.objects.count() == 1
    work(row_of(first))
    assert task.enqueue(3).id != first.id


def test_arguments_that_are_named_make_a_difference():
    task = unique(unique=True, unique_by=["a"])
    first = task.enqueue(1)
    assert task.enqueue(a=1, b=5).id == first.id
    assert task.enqueue(2).id != first.id


def test_a_callable_gets_the_arguments():
    task = unique(unique=True, unique_by=lambda a, b=0: a % 2)
    first = task.enqueue(1)
    assert task.enqueue(3).id == first.id
    assert task.enqueue(2).id != first.id


def test_a_debounced_function_takes_the_last_arguments():
    task = unique(unique="waiting", debounce=60)
    first = task.enqueue(1)
    assert task.enqueue(2).id == first.id
    row = row_of(first)
    assert row.args == [2]
    assert (row.not_before - row.created).total_seconds() >= 59


def test_it_shares_no_key_with_a_task_about_an_object():
    body = of_objects(lambda obj: None, unique=True)
    row = body.delayed(Product.objects.create(name="pen"))
    other = row_of(unique(unique=True).enqueue(1))
    assert len({row.unique_key, other.unique_key, ""}) == 3


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"unique": "often"}, "unique must be"),
        ({"unique": True, "unique_by": ["c"]}, "no argument of it"),
        ({"unique": True, "unique_by": lambda: 1}, "must take whatever the task takes"),
        ({"unique_by": ["a"]}, "say unique="),
        ({"unique": True, "debounce": 5}, "debounce needs unique='waiting'"),
        ({"unique": "waiting", "debounce": 5, "debounce_max": 4}, "must not be less"),
        ({"unique": "waiting", "debounce": 0}, "debounce must be a positive number"),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_declared(options, problem):
    with pytest.raises(library.InvalidTask, match=problem):
        unique(**options)


def test_a_retry_gives_way_to_a_newer_one():
    task = unique(functions.broken, unique="waiting", max_retries=3, default_retry_delay=0)
    row = row_of(task.enqueue())
    assert row.unique_key
    assert row.unique_running is False
