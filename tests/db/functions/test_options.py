"""Options of ``@task`` that a function has whose backend is ours. Django hands them on from 6.1."""

import inspect
from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from boogie.apps.tasks import Concurrency, Task, registry
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.exceptions import Expired
from boogie.apps.tasks.execution import start
from boogie.apps.tasks.functions import deciding, declared, finding, library
from boogie.apps.tasks.testing import travel
from boogie.apps.tasks.transport import delivery
from tests.project.shop import functions
from tests.project.shop.models import Product
from tests.support.runs import now_due, work

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not library.has_options, reason="@task takes no options before Django 6.1"),
]


def row_of(result):
    return Task.objects.get(pk=result.id)


def with_options(function=functions.plain, **options):
    return declared.FunctionTask(func=function, **options)


# --- what they may be -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_retries", -1),
        ("max_retries", 1.5),
        ("max_retries", True),
        ("autoretry_for", ValueError),
        ("autoretry_for", ("ValueError",)),
        ("default_retry_delay", -1),
        ("retry_backoff", 0),
        ("retry_backoff_max", None),
        ("atomic", "yes"),
        ("rescue", None),
        ("time_limit", 0),
        ("soft_time_limit", "1"),
        ("expires", 0),
        ("expires", timedelta(0)),
        ("expires", "soon"),
    ],
)
def test_a_value_that_an_option_does_not_take_is_refused_by_name(name, value):
    with pytest.raises(library.InvalidTask, match=rf"functions\.plain: {name} must be"):
        functions.task(**{name: value})(functions.plain)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ([1], r"must be Concurrency\(\.\.\.\) or Rate"),
        ([Concurrency(1, by="object")], "a function is about no object"),
        ([Concurrency(1, by="customer.region")], "a function is about no object"),
    ],
)
def test_a_limit_that_makes_no_sense_for_a_function_is_refused(limits, words):
    with pytest.raises(library.InvalidTask, match=words):
        functions.task(limits=limits)(functions.plain)


def test_a_function_keeps_its_limit():
    first, second = (row_of(functions.one_by_one.enqueue("a")) for _ in range(2))
    other = row_of(functions.one_by_one.enqueue("b"))
    assert start.claim(str(first.pk), registry.FUNCTION)
    assert start.claim(str(second.pk), registry.FUNCTION) is None
    assert start.claim(str(other.pk), registry.FUNCTION)
    second.refresh_from_db()
    assert second.due is None


def test_an_unknown_option_is_a_type_error():
    with pytest.raises(TypeError, match="nonsense"):
        functions.task(nonsense=1)(functions.plain)


def test_every_option_is_checked():
    own = set(inspect.signature(declared.FunctionTask).parameters)
    djangos = set(inspect.signature(library.Task).parameters)
    assert own - djangos == {*declared.EXPECTED, "limits"}


def test_options_come_back_with_the_result():
    result = functions.flaky.enqueue("once")
    task = library.backend_of("default").get_result(result.id).task
    assert task == functions.flaky
    assert (task.max_retries, task.autoretry_for) == (2, (LookupError,))


# --- retries --------------------------------------------------------------------------


def test_a_function_is_retried_as_often_as_it_says():
    result = functions.flaky.enqueue("so")
    row = row_of(result)
    assert work(row).is_queued
    assert row.retries == 1
    result.refresh()
    assert (result.status, len(result.errors)) == (library.TaskResultStatus.READY, 1)
    first = result.started_at
    assert first is not None
    while work(now_due(row)).is_queued:
        pass
    result.refresh()
    assert row.is_failed
    assert (row.attempt, row.retries) == (3, 2)
    assert [error.exception_class for error in result.errors] == [LookupError] * 3
    assert (result.attempts, len(result.worker_ids)) == (3, 3)
    assert result.started_at == first < result.last_attempted_at


def test_a_number_of_retries_alone_is_for_every_exception():
    row = row_of(functions.retried.enqueue())
    assert work(row).is_queued
    assert work(now_due(row)).is_failed
    assert row.retries == 1


@pytest.mark.parametrize(
    ("options", "error", "times"),
    [
        ({}, ValueError(), 0),
        ({"max_retries": 4}, ValueError(), 4),
        ({"max_retries": 0, "autoretry_for": (ValueError,)}, ValueError(), 0),
        ({"autoretry_for": (ValueError,)}, ValueError(), 3),
        ({"autoretry_for": [ValueError]}, KeyError(), 0),
        ({"max_retries": 4, "dont_autoretry_for": (ValueError,)}, ValueError(), 0),
        ({"max_retries": 4}, Expired(), 0),
    ],
)
def test_which_errors_are_retried_and_how_often(options, error, times):
    options = with_options(**options)
    assert (deciding.retries(options) if deciding.is_retried(options, error) else 0) == times


@pytest.mark.parametrize(
    ("options", "delays"),
    [
        ({"retry_jitter": False}, [1, 2, 4, 8]),
        ({"retry_jitter": False, "retry_backoff": 3, "retry_backoff_max": 10}, [3, 6, 10, 10]),
        ({"retry_backoff": False}, [0, 0, 0, 0]),
        ({"default_retry_delay": 7}, [7, 7, 7, 7]),
    ],
)
def test_how_long_a_retry_waits(options, delays):
    options = with_options(**options)
    assert [deciding.delay(options, before) for before in range(4)] == delays
    assert deciding.delay(options, 100_000) == (delays[-1] if delays[-1] != 8 else 600)


def test_by_lot_a_retry_waits_no_longer():
    options = with_options()
    assert all(0 <= deciding.delay(options, 3) <= 8 for _ in range(100))


# --- the others -----------------------------------------------------------------------


@pytest.mark.parametrize("function", ["makes_product", "makes_product_atomically"])
@pytest.mark.parametrize("fails", [False, True])
def test_what_an_atomic_function_did_goes_with_its_failure(function, fails):
    row = work(row_of(getattr(functions, function).enqueue("pen", fails=fails)))
    assert row.status == ("failed" if fails else "finished")
    is_there = not (fails and function.endswith("atomically"))
    assert Product.objects.filter(name="pen").exists() == is_there


def test_a_function_that_has_not_started_in_time_is_cancelled_and_says_why():
    row = row_of(functions.perishable.enqueue())
    with travel(timedelta(seconds=61)):
        work(row)
    assert row.is_cancelled
    (error,) = row.errors
    assert error["type"] == "boogie.apps.tasks.exceptions.Expired"
    assert (row.attempt, row.claims) == (0, [])
    assert library.backend_of("default").get_result(str(row.pk)).status == "FAILED"
    assert row.retry()
    assert work(row).result == "fresh"


def test_a_function_that_starts_in_time_runs():
    later = timezone.now() + timedelta(seconds=30)
    for task in (functions.perishable, functions.perishable.using(run_after=later)):
        row = row_of(task.enqueue())
        begin = max(row.created, row.scheduled_for or row.created)
        assert abs(row.expires - begin - timedelta(seconds=60)) < timedelta(seconds=0.01)
        assert work(now_due(row)).result == "fresh"


@pytest.mark.parametrize(
    ("function", "limits"), [("endless", [1, None]), ("long", [None, 1]), ("add", [None, None])]
)
def test_a_message_brings_the_limits_of_its_function_along(function, limits):
    getattr(functions, function).enqueue(1) if function == "add" else getattr(
        functions, function
    ).enqueue()
    Task.objects.update(due=Moment())  # where there is a broker it would have been rung for
    (reserved,) = delivery.reserve_rows([settings.CELERY_TASK_DEFAULT_QUEUE], 10)
    assert reserved.message["headers"]["task"] == "boogie_tasks.function"
    assert reserved.message["headers"]["timelimit"] == limits


def test_a_message_for_a_function_that_is_gone_has_no_limits():
    assert finding.time_limits(Task(name="no.such.function", backend="default")) == {}
