"""What the backend of Django Tasks promises of an enqueue, and of results."""

import asyncio
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management import call_command
from django.db import IntegrityError, connections, transaction
from django.test import override_settings
from django.utils import timezone

from boogie.apps.tasks import Task, registry
from boogie.apps.tasks.backend import BoogieBackend
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.exceptions import ArgumentError
from boogie.apps.tasks.functions import library
from tests.project.shop import functions
from tests.project.shop.models import Product
from tests.support.runs import declared, now_due, ring, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

BACKEND = "boogie.apps.tasks.backend.BoogieBackend"
QUEUE = settings.CELERY_TASK_DEFAULT_QUEUE

TWO = {"default": {"BACKEND": BACKEND, "QUEUES": []}, "second": {"BACKEND": BACKEND, "QUEUES": []}}


def row_of(result):
    return Task.objects.get(pk=result.id)


def ran(result):
    """Run the row of a result as a worker does, its retries at once; return it, refreshed."""
    row = row_of(result)
    while work(now_due(row)).is_queued:
        pass
    result.refresh()
    return result


def backend(alias="default"):
    return library.backend_of(alias)


# --- enqueue --------------------------------------------------------------------------


def test_all_that_a_backend_may_support_is_supported():
    names = ("defer", "async_task", "get_result", "priority")
    assert [getattr(BoogieBackend, f"supports_{name}") for name in names] == [True] * 4


def test_an_enqueue_is_one_statement_in_the_transaction_of_the_caller():
    with transaction.atomic():
        functions.add.enqueue(1)
        transaction.set_rollback(True)
    assert Task.objects.count() == 0
    with statements() as made:
        functions.add.enqueue(1, b=2)
    assert len(made) == 1
    row = Task.objects.get()
    assert (row.name, row.backend) == ("tests.project.shop.functions.add", "default")
    assert (row.content_type_id, row.object_id, row.object_db) == (None, "", "")
    assert (row.args, row.kwargs, row.status, row.queue) == ([1], {"b": 2}, "queued", QUEUE)


@pytest.mark.parametrize("run_after", [None, timedelta(hours=1), timedelta(hours=-1)])
def test_what_enqueue_returns_is_what_is_found_by_its_id(run_after):
    when = None if run_after is None else timezone.now() + run_after
    task = functions.add.using(priority=-7, queue_name="else", run_after=when)
    result = task.enqueue(1, b=[{"c": None}])
    found = backend().get_result(result.id)
    assert found == result
    assert found.task == task
    assert type(found.task) is type(functions.add)
    assert (found.enqueued_at, found.task.run_after) == (result.enqueued_at, when)
    assert found.status == library.TaskResultStatus.READY
    assert (found.attempts, found.errors, found.worker_ids) == (0, [], [])
    assert functions.add.get_result(result.id) == result


@override_settings(USE_TZ=False)
def test_the_same_holds_without_time_zones():
    when = datetime(2031, 5, 6, 7, 8, 9, 123456)
    result = functions.add.using(run_after=when).enqueue(1)
    found = backend().get_result(result.id)
    assert found == result
    assert found.task.run_after == when
    done = ran(functions.add.enqueue(1))
    assert done.enqueued_at.tzinfo is None
    assert done.enqueued_at <= done.started_at <= done.finished_at


def test_a_result_is_refreshed_by_one_statement():
    result = functions.add.enqueue(1)
    work(row_of(result))
    assert not result.is_finished
    with statements() as made:
        result.refresh()
    assert len(made) == 1
    assert result.is_finished


@pytest.mark.parametrize("key", ["", "no id", "123", str(uuid.uuid4()), None, 7])
def test_there_is_no_result_for_an_id_that_is_none(key):
    with pytest.raises(library.TaskResultDoesNotExist):
        backend().get_result(key)


def test_there_is_no_result_for_a_row_about_an_object(django_user_model):
    @declared
    def body(user):
        pass

    row = body.delayed(django_user_model.objects.create(username="one"))
    with pytest.raises(library.TaskResultDoesNotExist):
        backend().get_result(str(row.pk))


@override_settings(TASKS=TWO)
def test_there_is_no_result_for_a_row_of_another_backend():
    result = functions.add.using(backend="second").enqueue(1)
    assert backend("second").get_result(result.id) == result
    with pytest.raises(library.TaskResultDoesNotExist):
        backend().get_result(result.id)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("tests.project.shop.functions.gone", "cannot be imported"),
        ("tests.project.gone.echo", "cannot be imported"),
        ("tests.project.shop.functions.plain", "no task of Django Tasks"),
    ],
)
def test_there_is_no_result_of_a_function_that_is_gone_and_the_error_says_so(name, why):
    result = functions.add.enqueue(1)
    Task.objects.filter(pk=result.id).update(name=name)
    with pytest.raises(library.TaskResultDoesNotExist, match=why) as raised:
        backend().get_result(result.id)
    assert result.id in str(raised.value)
    with pytest.raises(library.TaskResultDoesNotExist, match=name):
        functions.add.get_result(result.id)


def test_another_task_finds_no_result_of_this_one():
    result = functions.add.enqueue(1)
    with pytest.raises(library.exceptions.TaskResultMismatch):
        functions.echo.get_result(result.id)


def test_arguments_are_normalized_before_there_is_a_row():
    result = functions.echo.enqueue((1, b"two"), three=(4,))
    assert (row_of(result).args, row_of(result).kwargs) == ([[1, "two"]], {"three": [4]})
    pen = Product.objects.create(name="pen")
    for unfit in ({1}, object(), datetime.now(UTC), pen, [pen]):
        with statements() as made, pytest.raises(TypeError):
            functions.echo.enqueue(unfit)
        assert made == []


@pytest.mark.parametrize(
    ("path", "enqueue", "why"),
    [
        ("add", lambda: functions.add.enqueue(1e308, 1e308), "the float inf"),
        ("later", lambda: functions.later.enqueue(1e308), "the float inf"),
        ("echo", lambda: functions.echo.enqueue(x="\\" * 60), "MAX_RESULT_SIZE"),
    ],
)
def test_a_result_that_cannot_be_stored_is_told_of_by_the_name_of_its_function(path, enqueue, why):
    result = enqueue()
    with override_settings(BOOGIE_TASKS={"MAX_RESULT_SIZE": 100}):
        (error,) = row_of(ran(result)).errors
    assert error["type"] == "boogie.apps.tasks.exceptions.ResultError"
    assert error["message"].startswith(f"tests.project.shop.functions.{path} returned a ")
    assert why in error["message"]
    assert registry.FUNCTION not in error["message"]
    assert "serialize_result" not in error["message"]


def test_arguments_that_json_would_not_bring_back_are_refused_by_name():
    with pytest.raises(ArgumentError, match=r"functions\.add: argument 'b'"):
        functions.add.enqueue(1, b=float("nan"))
    with pytest.raises(ArgumentError, match=r"'args\[1\]'"):
        functions.echo.enqueue(1, float("inf"))
    assert Task.objects.count() == 0


def test_a_task_is_validated_again_when_it_is_enqueued():
    task = functions.add.using(queue_name="else")
    only = {"default": {"BACKEND": BACKEND, "QUEUES": [QUEUE]}}
    with override_settings(TASKS=only), pytest.raises(library.InvalidTask, match="else"):
        task.enqueue(1)


def test_a_restored_task_is_not_validated_again():
    result = functions.add.using(queue_name="else").enqueue(1)
    only = {"default": {"BACKEND": BACKEND, "QUEUES": [QUEUE]}}
    with override_settings(TASKS=only):
        assert backend().get_result(result.id).task.queue_name == "else"
        assert ran(result).return_value == 1


def test_a_function_that_no_worker_would_find_is_refused():
    with pytest.raises(library.InvalidTask, match=r"functions\.plain is a function"):
        functions.task(functions.plain).enqueue(1)

    def impostor(a):
        return a

    impostor.__module__, impostor.__qualname__ = functions.__name__, "add"
    with pytest.raises(library.InvalidTask, match="another function"):
        functions.task(impostor).enqueue(1)
    assert Task.objects.count() == 0


def test_a_function_that_is_called_as_a_task_of_ours_is_refused(monkeypatch):
    @declared
    def body(product):
        pass

    monkeypatch.setitem(registry._declared, "tests.project.shop.functions.echo", body)
    with pytest.raises(library.InvalidTask, match="Boogie task"):
        functions.echo.enqueue(1)


def test_names_that_no_column_takes_are_refused():
    with pytest.raises(library.InvalidTask, match="queue"):
        functions.add.using(queue_name="q" * 256)


@pytest.mark.parametrize("priority", [-100, -1, 0, 9, 10, 100])
def test_a_priority_is_stored_as_it_was_given(priority):
    result = functions.add.using(priority=priority).enqueue(1)
    assert row_of(result).priority == priority
    assert backend().get_result(result.id).task.priority == priority


@pytest.mark.parametrize("priority", [-101, 101])
def test_there_is_no_other_priority(priority):
    with pytest.raises(library.InvalidTask):
        functions.add.using(priority=priority)
    row = row_of(functions.add.enqueue(1))
    with pytest.raises(IntegrityError), transaction.atomic():
        Task.objects.filter(pk=row.pk).update(priority=priority)


def test_what_has_a_higher_priority_runs_sooner():
    order = [0, -100, 10, 100, 9, -1]
    for priority in order:
        functions.add.using(priority=priority).enqueue(1)
    Task.objects.update(due=Moment())  # where there is a broker they would have been rung for
    ready = Task.objects.ready_in([QUEUE])
    assert list(ready.values_list("priority", flat=True)) == sorted(order, reverse=True)


def test_a_row_waits_for_its_time():
    result = functions.add.using(run_after=timezone.now() + timedelta(hours=1)).enqueue(1)
    row = row_of(result)
    assert row.due == row.not_before == row.scheduled_for == result.task.run_after
    assert not work(row).attempt


@pytest.mark.django_db(transaction=True)
def test_enqueueing_and_asking_wait_for_no_event_loop():
    async def both():
        result = await functions.add.aenqueue(1, b=2)
        found = await backend().aget_result(result.id)
        await sync_to_async(connections.close_all)()
        return result, found

    result, found = asyncio.run(both())
    assert found == result
    assert row_of(result).kwargs == {"b": 2}


# --- runs -----------------------------------------------------------------------------


def test_a_run_that_returned_is_successful():
    result = ran(functions.add.enqueue(1, b=2))
    assert (result.status, result.return_value) == (library.TaskResultStatus.SUCCESSFUL, 3)
    row = row_of(result)
    assert (row.is_finished, row.result) == (True, 3)
    assert row.get_result() == 3
    assert result.enqueued_at <= result.started_at == result.last_attempted_at
    assert result.started_at <= result.finished_at == row.ended
    assert (result.attempts, result.worker_ids, result.errors) == (1, [row.worker], [])


def test_a_run_that_raised_has_failed_and_says_with_what():
    result = ran(functions.broken.enqueue("so it is"))
    assert result.status == library.TaskResultStatus.FAILED
    with pytest.raises(ValueError, match="Task failed"):
        result.return_value  # noqa: B018
    (error,) = result.errors
    assert error.exception_class is LookupError
    assert error.traceback.endswith("LookupError: so it is\n")


def test_a_return_value_that_is_no_json_fails_the_run_with_a_type_error():
    result = ran(functions.unfit.enqueue())
    assert result.status == library.TaskResultStatus.FAILED
    assert [error.exception_class for error in result.errors] == [TypeError]


def test_a_function_that_takes_its_context_is_told_of_its_result():
    result = ran(functions.told.enqueue("word"))
    assert result.return_value == [1, result.id, "RUNNING", ["word"], "word"]


def test_a_coroutine_runs():
    assert ran(functions.later.enqueue(21)).return_value == 42


def test_arguments_that_do_not_fit_fail_the_run():
    result = ran(functions.add.enqueue(1, 2, 3))
    assert [error.exception_class for error in result.errors] == [TypeError]


def test_a_function_tells_how_far_it_is():
    result = ran(functions.reports.enqueue())
    row = row_of(result)
    assert (row.progress.done, row.progress.total, row.progress.note) == (3, 10, "on it")


def test_a_function_that_is_gone_fails_its_row_and_names_it():
    row = row_of(functions.add.enqueue(1))
    for name in ("no_such_module.function", "subprocess.check_output", "nodots"):
        Task.objects.filter(pk=row.pk).update(name=name)
        row.refresh_from_db()
        work(row)
        assert row.is_failed
        assert row.error.startswith("UnknownTask")
        assert name in row.error
        row.retry()


def test_a_message_for_another_row_runs_nothing(django_user_model):
    @declared
    def body(user):
        raise AssertionError

    row = body.delayed(django_user_model.objects.create(username="one"))
    ring(registry.FUNCTION, row.pk)
    row.refresh_from_db()
    assert row.attempt == 0
    other = row_of(functions.add.enqueue(1))
    ring(body.name, other.pk)
    other.refresh_from_db()
    assert other.attempt == 0


@pytest.mark.parametrize(
    ("verb", "status"), [("pause", "READY"), ("cancel", "FAILED")], ids=["paused", "cancelled"]
)
def test_a_row_that_was_moved_by_hand_has_a_status_of_django_tasks(verb, status):
    result = functions.add.enqueue(1)
    assert getattr(row_of(result), verb)()
    result.refresh()
    assert result.status == status


def test_a_row_that_is_retried_by_hand_keeps_its_first_start_and_all_its_workers():
    result = ran(functions.broken.enqueue())
    first = result.started_at
    assert row_of(result).retry()
    result.refresh()
    assert (result.started_at, result.last_attempted_at) == (first, first)
    ran(result)
    assert result.attempts == len(result.worker_ids) == len(result.errors) == 2
    assert result.started_at == first < result.last_attempted_at


# --- as a row -------------------------------------------------------------------------


def test_a_row_is_about_an_object_or_of_a_backend():
    row = row_of(functions.add.enqueue(1))
    for changes in ({"backend": ""}, {"object_id": "7"}, {"object_db": "default"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Task.objects.filter(pk=row.pk).update(**changes)


def test_a_row_about_an_object_has_priorities_from_0_to_9(django_user_model):
    @declared
    def body(user):
        pass

    row = body.delayed(django_user_model.objects.create(username="one"))
    for priority in (-1, 10):
        with pytest.raises(IntegrityError), transaction.atomic():
            Task.objects.filter(pk=row.pk).update(priority=priority)


def test_a_row_without_an_object_says_so():
    row = row_of(functions.add.using(priority=-50).enqueue(1))
    assert row.object is None
    assert str(row) == "tests.project.shop.functions.add() queued"
    with pytest.raises(Task.DoesNotExist.__mro__[1], match="about no object"):
        row.get_object()
    row.full_clean()


def test_a_row_without_an_object_is_dumped_and_loaded(tmp_path):
    row = row_of(ran(functions.add.using(priority=-50).enqueue(1)))
    dump = tmp_path / "rows.json"
    call_command("dumpdata", "boogie_tasks.task", output=str(dump))
    (stored,) = json.loads(dump.read_text())
    assert stored["fields"]["backend"] == "default"
    Task.objects.all().delete()
    call_command("loaddata", str(dump), verbosity=0)
    again = Task.objects.get()
    assert (again.name, again.claims, again.result) == (row.name, row.claims, 1)
    assert backend().get_result(str(again.pk)).return_value == 1


def test_rows_without_objects_are_cleaned_but_for_the_last_of_each_function():
    for _ in range(2):
        ran(functions.add.enqueue(1))
    last = ran(functions.add.enqueue(1))
    other = ran(functions.broken.enqueue())
    assert Task.objects.all().clean(keep_last=True) == 3
    assert [str(row.pk) for row in Task.objects.all()] == [last.id]
    assert not Task.objects.filter(pk=other.id).exists()
