"""Functions of Django Tasks in a project's tests: they are about no object."""

import pytest
from asgiref.sync import async_to_sync

from boogie.apps.tasks import Task
from boogie.apps.tasks.functions import library
from boogie.apps.tasks.testing import (
    ANY,
    arun_tasks,
    assert_made,
    assert_not_made,
    made,
    run_tasks,
)
from tests.project.shop import functions
from tests.project.shop.models import Product
from tests.support.runs import declared

pytestmark = pytest.mark.django_db

ADD, ECHO = functions.add.module_path, functions.echo.module_path

OURS = "boogie.apps.tasks.backend.BoogieBackend"

about_products = declared(lambda product: 1, name="tests.functions.about_products")


def row_of(result):
    return Task.objects.get(pk=result.id)


@pytest.fixture
def product():
    return Product.objects.create(name="thing")


# --- assert_made, made ------------------------------------------------------------------


def test_the_first_argument_follows_the_function():
    row = row_of(functions.add.enqueue("x", b="y"))
    assert assert_made(functions.add) == row
    assert assert_made(functions.add, "x") == row
    assert assert_made(functions.add, "x", "y") == row
    assert assert_made(functions.add, ANY, "y") == row
    assert assert_made(functions.add, a="x", b="y") == row
    assert_not_made(functions.add, "y")
    assert_not_made(functions.add, "x", "x")
    assert_not_made(functions.add, b="x")
    assert_not_made(functions.echo)


def test_defaults_count_as_given():
    row = row_of(functions.add.enqueue(1))
    assert assert_made(functions.add, 1, 0) == row
    assert_not_made(functions.add, b=1)


def test_variable_arguments_are_compared_by_their_place_and_name():
    row = row_of(functions.echo.enqueue("x", 1, colour="red"))
    assert assert_made(functions.echo, "x", 1) == row
    assert assert_made(functions.echo, ANY, 1, colour="red") == row
    assert_not_made(functions.echo, "x", 2)
    assert_not_made(functions.echo, "x", 1, 2)
    assert_not_made(functions.echo, size="big")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [((1, (2,)), (1, [2])), (b"text", b"text"), (b"text", "text"), ({"a": (1,)}, {"a": (1,)})],
)
def test_values_are_equal_to_what_arrives_of_them(given, wanted):
    row = row_of(functions.add.enqueue(given))
    assert assert_made(functions.add, wanted) == row
    for other in ("something else", object(), b"\xff", {1, 2}):
        assert_not_made(functions.add, other)


def test_an_argument_may_be_an_object_or_none(product):
    row = row_of(functions.add.enqueue(None))
    assert assert_made(functions.add, None) == row
    assert_not_made(functions.add, product)


def test_the_context_is_no_argument():
    row = row_of(functions.told.enqueue("word"))
    assert assert_made(functions.told, "word") == row
    assert assert_made(functions.told, word="word") == row
    with pytest.raises(TypeError, match="context"):
        assert_made(functions.told, context=1)


def test_a_call_that_the_function_does_not_take_is_a_mistake_of_the_test():
    with pytest.raises(TypeError, match="too many positional"):
        assert_made(functions.add, 1, 2, 3)
    with pytest.raises(TypeError, match="too many positional"):
        assert_made(functions.unfit, 1)
    with pytest.raises(TypeError, match="numbr"):
        assert_not_made(functions.add, numbr=1)


def test_status_and_count_are_those_of_every_row():
    rows = [row_of(functions.add.enqueue(number)) for number in (1, 2)]
    assert assert_made(functions.add, count=2) == rows
    assert assert_made(functions.add, 2, status="queued") == rows[1]
    run_tasks()
    assert assert_made(functions.add, 2, status="finished") == rows[1]
    assert_not_made(functions.add, status="queued")


def test_a_copy_with_other_options_is_the_same():
    copy = functions.add.using(priority=5)
    rows = [row_of(function.enqueue(1)) for function in (functions.add, copy)]
    for function in (functions.add, copy):
        assert assert_made(function, 1, count=2) == rows
        assert list(made(function)) == rows
    assert run_tasks(copy)["finished"] == 2


def test_so_is_one_of_another_backend_of_ours(settings):
    settings.TASKS = {**settings.TASKS, "other": {"BACKEND": OURS, "QUEUES": []}}
    copy = functions.add.using(backend="other")
    row = row_of(copy.enqueue(1))
    assert row.backend == "other"
    assert assert_made(functions.add, 1) == assert_made(copy, 1) == row


def test_made_is_a_queryset_of_the_rows_in_order(product):
    rows = [row_of(functions.add.enqueue(number)) for number in (1, 2)]
    about = about_products.delayed(product)
    assert list(made(functions.add)) == rows
    assert list(made(about_products)) == [about]
    assert list(made()) == [*rows, about]


def test_the_message_has_no_object(product):
    functions.add.enqueue("x", b="y")
    about_products.delayed(product)
    with pytest.raises(AssertionError) as failure:
        assert_made(functions.add, "z", b=1)
    assert str(failure.value).splitlines() == [
        f"{ADD}('z', b=1) was to be made once; it was not.",
        "2 row(s) have been made since the test began:",
        f"  {ADD}('x', b='y'), queued",
        "  tests.functions.about_products(<Product: thing>), queued",
    ]
    with pytest.raises(AssertionError, match=r"echo\(\) was to be made once"):
        assert_made(functions.echo)


# --- run_tasks --------------------------------------------------------------------------


def test_only_rows_of_the_functions_that_are_named_run(product):
    added, echoed = row_of(functions.add.enqueue(1)), row_of(functions.echo.enqueue(1))
    about = about_products.delayed(product)

    def statuses():
        return [Task.objects.get(pk=row.pk).status for row in (added, echoed, about)]

    assert run_tasks(functions.add)["finished"] == 1
    assert statuses() == ["finished", "queued", "queued"]
    assert run_tasks(functions.echo, about_products)["finished"] == 2
    assert statuses() == ["finished"] * 3


def test_an_error_of_a_function_can_be_raised():
    functions.broken.enqueue("oh")
    with pytest.raises(LookupError, match="oh"):
        run_tasks(functions.broken, raise_errors=True)


def test_in_async_tests_too():
    async def asked():
        await functions.later.aenqueue(2)
        return await arun_tasks(functions.later)

    assert async_to_sync(asked)()["finished"] == 1


# --- what is no task --------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["add", len, functions.plain, functions.add.func, Product, None])
def test_what_is_neither_a_task_nor_such_a_function_is_refused(wrong):
    for ask in (run_tasks, made, assert_made, assert_not_made):
        if ask is made and wrong is None:
            continue
        with pytest.raises(TypeError, match=r"takes (a task|tasks), not .*whose backend in TASKS"):
            ask(wrong)


@pytest.mark.parametrize("with_ours", [True, False])
def test_a_function_of_another_backend_is_refused(settings, with_ours):
    dummy = {"BACKEND": f"{library.library.__name__}.backends.dummy.DummyBackend", "QUEUES": []}
    settings.TASKS = {**(settings.TASKS if with_ours else {"default": dummy}), "other": dummy}
    function = functions.add.using(backend="other")
    for ask in (run_tasks, made, assert_made):
        with pytest.raises(TypeError, match=r"with the backend 'other'\. .*BoogieBackend"):
            ask(function)


def test_a_class_is_no_task():
    for ask in (run_tasks, made):
        with pytest.raises(TypeError, match="as_task"):
            ask(type(about_products))
