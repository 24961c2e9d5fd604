"""The signals of Django Tasks."""

import contextlib
import logging

import pytest
from django.db import transaction

from boogie.apps.tasks import Task, exceptions, registry
from boogie.apps.tasks.backend import BoogieBackend
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.execution import expiry, losses
from boogie.apps.tasks.functions import library, telling
from boogie.apps.tasks.functions import results as as_results
from boogie.apps.tasks.models import Task as Row
from tests.project.shop import functions
from tests.support.rows import claim
from tests.support.runs import ring, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ("task_enqueued", "task_started", "task_finished")


@contextlib.contextmanager
def heard():
    told = []
    receivers = []
    for name in NAMES:

        def receive(sender, task_result, name=name, **extra):
            told.append((name, sender, task_result))

        receivers.append((getattr(library.signals, name), receive))
    for signal, receive in receivers:
        signal.connect(receive)
    try:
        yield told
    finally:
        for signal, receive in receivers:
            assert signal.disconnect(receive)


def test_an_enqueue_is_told_after_the_commit_with_its_result():
    with heard() as told:
        with transaction.atomic():
            result = functions.add.enqueue(1)
            assert told == []
        assert told == [("task_enqueued", BoogieBackend, result)]


def test_an_enqueue_that_is_rolled_back_is_not_told():
    with heard() as told, transaction.atomic():
        functions.add.enqueue(1)
        transaction.set_rollback(True)
    assert told == []


@pytest.mark.parametrize(("function", "status"), [("echo", "SUCCESSFUL"), ("broken", "FAILED")])
def test_each_start_is_told_and_the_end_with_what_came_of_it(function, status):
    result = getattr(functions, function).enqueue("x")
    with heard() as told:
        row = work(Task.objects.get(pk=result.id))
    assert [(name, sender) for name, sender, _ in told] == [
        ("task_started", BoogieBackend),
        ("task_finished", BoogieBackend),
    ]
    began, ended = (result for *_, result in told)
    assert (began.id, began.status, began.attempts) == (result.id, "RUNNING", 1)
    assert (ended.status, ended.finished_at) == (status, row.ended)


@pytest.mark.skipif(not library.has_options, reason="@task takes no options before Django 6.1")
def test_an_attempt_that_is_made_again_is_no_end():
    row = Task.objects.get(pk=functions.flaky.enqueue("x").id)
    with heard() as told:
        work(row)
    assert [name for name, *_ in told] == ["task_started"]


def test_the_end_of_a_run_whose_process_died_is_told():
    row = Task.objects.get(pk=functions.add.enqueue(1).id)
    Row.objects.filter(pk=row.pk).update(losses=99)
    row.refresh_from_db()
    assert claim(row, worker="gone@here/1")
    row.refresh_from_db()
    with heard() as told:
        losses.lose(row, "the child died")
    ((name, sender, ended),) = told
    assert (name, sender, ended.status) == ("task_finished", BoogieBackend, "FAILED")
    assert ended.errors[0].exception_class is exceptions.WorkerLost
    assert ended.worker_ids == ["gone@here/1"]


def test_what_was_raised_is_with_the_end_for_who_logs_it(caplog):
    row = Task.objects.get(pk=functions.broken.enqueue("loudly").id)
    with caplog.at_level(logging.INFO, library.signals.logger.name):
        work(row)
    ours = [each for each in caplog.records if each.name == library.signals.logger.name]
    assert [each.levelname for each in ours] == ["INFO", "ERROR"]
    assert str(ours[-1].exc_info[1]) == "loudly"


def test_a_receiver_that_raises_harms_no_run():
    def receive(**extra):
        raise LookupError

    library.signals.task_started.connect(receive)
    try:
        row = work(Task.objects.get(pk=functions.add.enqueue(1).id))
    finally:
        library.signals.task_started.disconnect(receive)
    assert row.is_finished


def test_a_row_whose_backend_is_gone_runs_and_is_not_told(settings, caplog):
    settings.TASKS = {
        **settings.TASKS,
        "gone": {"BACKEND": "boogie.apps.tasks.backend.BoogieBackend", "QUEUES": []},
    }
    row = Task.objects.get(pk=functions.add.using(backend="gone").enqueue(1).id)
    settings.TASKS = {"default": settings.TASKS["default"]}
    with heard() as told:
        assert work(row).is_finished
    assert told == []
    assert "is not told" in caplog.text
    assert as_results.of(row).return_value == 1


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_made_of_a_row_where_nobody_listens(name, caplog):
    with caplog.at_level(logging.CRITICAL, library.signals.logger.name):
        assert not telling.is_heard(name, logging.ERROR)
        with heard():
            assert telling.is_heard(name, logging.ERROR)
        row = Task.objects.get(pk=functions.add.enqueue(1).id)
        with statements() as quiet:
            work(row)
    with caplog.at_level(logging.DEBUG, library.signals.logger.name):
        assert telling.is_heard(name, logging.DEBUG)
        row = Task.objects.get(pk=functions.broken.enqueue(1).id)
        with statements() as loud:
            work(row)
    assert len(quiet) <= len(loud)


def test_a_row_that_has_finished_is_not_read_where_nobody_listens(caplog):
    row = Task.objects.get(pk=functions.add.enqueue(1).id)
    with caplog.at_level(logging.WARNING, library.signals.logger.name), statements() as made:
        ring(registry.FUNCTION, row.pk)
    assert made[-1].startswith("UPDATE")
    _, _, returned = made[-1].partition(" RETURNING ")  # whether others wait for it, and no more
    assert "result" not in returned


@pytest.mark.parametrize("djangos", [logging.ERROR, logging.CRITICAL])
def test_a_failure_is_one_error_over_all_loggers(djangos, caplog):
    row = Task.objects.get(pk=functions.broken.enqueue("x").id)
    library.signals.logger.setLevel(djangos)
    try:
        work(row)
    finally:
        library.signals.logger.setLevel(logging.NOTSET)
    (error,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert issubclass(error.exc_info[0], LookupError)
    assert (error.name == library.signals.logger.name) is (djangos == logging.ERROR)
    (own,) = [r for r in caplog.records if getattr(r, "outcome", None) == "failed"]
    assert own.row == str(row.pk)


@pytest.mark.skipif(not library.has_options, reason="@task takes no options before Django 6.1")
@pytest.mark.parametrize("finder", ["claim", "keeper"])
def test_the_end_of_a_function_that_nobody_has_started_in_time_is_told(finder):
    row = Task.objects.get(pk=functions.perishable.enqueue().id)
    Row.objects.filter(pk=row.pk).update(expires=Moment(-1))
    with heard() as told:
        if finder == "claim":
            work(row)
        else:
            assert expiry.expire(Task.objects.all()) == 1
    ((name, sender, ended),) = told
    assert (name, sender, ended.status) == ("task_finished", BoogieBackend, "FAILED")
    assert ended.errors[0].exception_class is exceptions.Expired
