"""Functions of Django Tasks in real workers."""

import json

import pytest

from boogie.apps.tasks import Task
from boogie.apps.tasks.functions import library
from tests.project import services
from tests.project.shop import functions
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

needs_options = pytest.mark.skipif(
    not library.has_options, reason="@task takes no options before Django 6.1"
)


def ended(result):
    def has_ended():
        result.refresh()
        return result.is_finished

    wait_until(has_ended, PATIENCE)
    return result


@pytest.fixture
def within(worker, queue):
    """A function that enqueues one of ours in the queue of a worker that has started."""
    one = worker()

    def enqueue(name, *args, **kwargs):
        return getattr(functions, name).using(queue_name=queue).enqueue(*args, **kwargs)

    enqueue.worker = one
    return enqueue


def test_functions_run_in_a_worker_of_the_project(within):
    results = [within("add", number, b=1) for number in range(5)]
    assert [ended(result).return_value for result in results] == [1, 2, 3, 4, 5]
    assert {worker for result in results for worker in result.worker_ids} == {within.worker.row.pk}
    assert ended(within("told", "word")).return_value[0] == 1
    assert ended(within("later", 4)).return_value == 8
    broken = ended(within("broken", "so"))
    assert [error.exception_class for error in broken.errors] == [LookupError]
    assert ended(within("exits")).errors[0].exception_class is SystemExit
    assert ended(within("add", 1)).return_value == 1


def test_a_function_whose_process_is_killed_is_run_again(within):
    result = ended(within("dies", 1))
    assert result.return_value == 2
    assert [error.exception_class.__name__ for error in result.errors] == ["WorkerLost"]
    assert (result.attempts, len(result.worker_ids)) == (2, 2)
    assert result.started_at < result.last_attempted_at
    row = Task.objects.get(pk=result.id)
    assert (row.losses, row.retries) == (1, 0)


@needs_options
def test_limits_of_time_are_those_of_the_function(within):
    hard, soft = within("endless"), within("long")
    assert ended(hard).errors[-1].exception_class.__name__ == "TimeLimitExceeded"
    assert ended(soft).errors[-1].exception_class.__name__ == "SoftTimeLimitExceeded"
    assert ended(within("add", 1)).return_value == 1


@needs_options
def test_retries_go_through_the_queue(within):
    result = ended(within("flaky", "so"))
    assert [error.exception_class for error in result.errors] == [LookupError] * 3
    assert result.attempts == 3


def test_what_was_enqueued_while_no_worker_lived_is_run(worker, queue):
    result = functions.add.using(queue_name=queue, priority=-100).enqueue(1)
    worker()
    assert ended(result).return_value == 1


@pytest.mark.skipif(
    services.BROKER != "boogie", reason="others may listen to this queue of a shared broker"
)
def test_a_worker_that_is_told_no_queue_serves_that_of_django(worker, queue):
    ours = json.dumps(["default", queue])
    one = worker(env={"BOOGIE_FUNCTION_QUEUES": ours})
    assert one.row.queues == sorted(["default", queue])
    assert ended(functions.add.using(queue_name="default").enqueue(1)).return_value == 1


def test_a_worker_that_is_told_its_queues_serves_no_other(worker, queue):
    one = worker("-Q", queue, env={"BOOGIE_FUNCTION_QUEUES": json.dumps(["default", queue])})
    assert one.row.queues == [queue]
