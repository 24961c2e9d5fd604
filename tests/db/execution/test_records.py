"""What is logged of a run: one record at its start, one at its end, and none of Celery's."""

import logging
from datetime import timedelta

import pytest
from celery import signals
from celery.exceptions import Ignore, Reject
from cryptography.fernet import Fernet
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from boogie.apps.tasks import Task, TaskCancelled
from boogie.apps.tasks.execution import losses, start
from boogie.apps.tasks.execution.logs import records
from tests.project.celery import app
from tests.project.shop.models import Product
from tests.support.runs import both_worlds, by_worker, declared, work

pytestmark = pytest.mark.django_db

EXTRA = ("task", "row", "object", "attempt", "queue", "worker", "wait_ms", "run_ms", "outcome")


@pytest.fixture(autouse=True)
def _as_in_a_worker():
    app.finalize()


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@pytest.fixture
def heard():
    """All records of all loggers, from DEBUG on, Celery's of those that do not propagate too."""
    found = []

    class Ear(logging.Handler):
        def emit(self, record):
            found.append(record)

    ear, root, trace = Ear(), logging.getLogger(), logging.getLogger(records.CELERYS)
    before = [(logger, logger.level) for logger in (root, trace)]
    root.addHandler(ear)
    for logger, _level in before:
        logger.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(ear)
    for logger, level in before:
        logger.setLevel(level)


def own(heard):
    return [record for record in heard if record.name == "boogie.apps.tasks"]


def said(heard):
    """Level and outcome of the records of runs, and of whatever else is an error or a warning."""
    return [
        (record.levelname, getattr(record, "outcome", record.name))
        for record in heard
        if record.name == "boogie.apps.tasks" or record.levelno >= logging.WARNING
    ]


fine = declared(lambda product: product.pk)


@both_worlds
def test_a_run_has_a_record_at_its_start_and_one_at_its_end(product, heard, run):
    row = run(fine, product)
    first, last = own(heard)
    assert said(heard) == [("INFO", None), ("INFO", "finished")]
    for record in (first, last):
        assert {name: getattr(record, name) for name in EXTRA[:6]} == {
            "task": fine.name,
            "row": str(row.pk),
            "object": f"shop.product:{product.pk}",
            "attempt": 1,
            "queue": row.queue,
            "worker": row.worker,
        }
        assert record.wait_ms >= 0
    assert first.run_ms is None
    assert last.run_ms >= 0
    assert f"{fine.name}[{row.pk}] started: shop.product:{product.pk}" in first.getMessage()
    assert f"{fine.name}[{row.pk}] finished after " in last.getMessage()


def test_how_long_a_row_waited_counts_from_its_time(product, heard):
    row = fine.schedule(timezone.now() - timedelta(seconds=5), product)
    Task.objects.filter(pk=row.pk).update(created=timezone.now() - timedelta(hours=1))
    work(row)
    assert 4_000 < own(heard)[0].wait_ms < 1_000_000


@declared
def fails(product):
    raise ValueError("no ink")


@both_worlds
def test_a_failed_run_is_one_error_with_one_traceback_over_all_loggers(product, heard, run):
    run(fails, product)
    assert said(heard) == [("INFO", None), ("ERROR", "failed")]
    text = logging.Formatter().format(own(heard)[-1])
    assert text.count("Traceback (most recent call last)") == 1
    assert text.count('raise ValueError("no ink")') == 1
    assert "ValueError: no ink" in own(heard)[-1].getMessage()


@declared(bind=True, max_retries=1)
def again(self, product):
    raise self.retry(exc=ValueError("no ink"), countdown=0)


@both_worlds
def test_a_retried_attempt_is_a_warning_and_no_error(product, heard, run):
    run(again, product)
    assert said(heard) == [
        ("INFO", None),
        ("WARNING", "retried"),
        ("INFO", None),
        ("ERROR", "failed"),
    ]
    warning = own(heard)[1]
    assert (warning.attempt, warning.exc_info) == (1, None)
    assert "ValueError: no ink" in warning.getMessage()
    assert [record.attempt for record in own(heard)] == [1, 1, 2, 2]


@declared(throws=(ValueError,))
def expected(product):
    raise ValueError("sold out")


def test_an_error_that_a_task_throws_is_no_error_of_the_log(product, heard):
    by_worker(expected, product)
    assert said(heard) == [("INFO", None), ("INFO", "failed")]
    assert own(heard)[-1].exc_info is None


ENDS = {
    "ignored": (Ignore("not today"), "INFO", "cancelled"),
    "cancelled": (TaskCancelled("enough"), "INFO", "cancelled"),
    "rejected": (Reject("no"), "ERROR", "failed"),
    "rejected for now": (Reject("later", requeue=True), "WARNING", "retried"),
}


@pytest.mark.parametrize(("error", "level", "outcome"), ENDS.values(), ids=ENDS)
def test_each_way_to_end_has_its_record(product, heard, error, level, outcome):
    @declared
    def ends(product):
        raise error

    work(ends.delayed(product))
    assert said(heard) == [("INFO", None), (level, outcome)]


def test_a_run_whose_row_was_cancelled_meanwhile_says_so(product, heard):
    @declared
    def cancelled(product):
        Task.objects.all().cancel()

    work(cancelled.delayed(product))
    assert said(heard) == [("INFO", None), ("INFO", "cancelled")]


def test_a_run_whose_object_is_gone_is_one_error(product, heard):
    row = fine.delayed(product)
    product.delete()
    work(row)
    assert said(heard) == [("INFO", None), ("ERROR", "failed")]
    assert own(heard)[0].object == row_object(row)


def row_object(row):
    return f"shop.product:{row.object_id}"


def test_a_loss_is_a_warning_until_there_are_too_many(product, heard, settings):
    settings.BOOGIE_TASKS = {**settings.BOOGIE_TASKS, "MAX_LOSSES": 1}
    row = fine.delayed(product)
    for _ in range(2):
        Task.objects.filter(pk=row.pk).update(not_before=None)
        row = start.claim_row(str(row.pk), [row.name])
        losses.lose(row, "the process 1 died")
    assert said(heard) == [("WARNING", "retried"), ("ERROR", "failed")]
    assert [record.attempt for record in own(heard)] == [1, 2]
    assert "WorkerLost: the process 1 died" in own(heard)[0].getMessage()
    assert own(heard)[0].run_ms >= 0


def test_a_call_that_is_interrupted_has_its_record(product, heard):
    @declared
    def interrupted(product):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted.call(product)
    assert said(heard) == [("INFO", None), ("ERROR", "failed")]


@declared(sensitive=("token",))
def secret(product, token, fail=True):
    if fail:
        raise ValueError(f"refused {token}")
    return token


@both_worlds
@pytest.mark.parametrize("fail", [True, False])
def test_what_is_sensitive_is_in_no_record(product, heard, run, fail):
    run(secret, product, "hunter2secret", fail=fail)
    everything = "\n".join(map(logging.Formatter().format, heard))
    assert "hunter2secret" not in everything
    assert not any("hunter2secret" in str(record.__dict__) for record in heard)
    if fail:
        assert "refused ••••" in everything
        assert everything.count("Traceback (most recent call last)") == 1


def test_the_logger_is_asked_once_for_what_it_does_not_take(product, monkeypatch):
    monkeypatch.setattr(records.logger, "level", logging.ERROR)
    records.logger.manager._clear_cache()
    monkeypatch.setattr(records, "_about", None)  # to call it would raise
    assert work(fine.delayed(product)).is_finished
    records.logger.manager._clear_cache()


def test_records_cost_no_statement(product, heard):
    work(fine.delayed(product))  # what a process reads once
    with CaptureQueriesContext(connection) as loud:
        work(fine.delayed(product))
    logging.getLogger("boogie").setLevel(logging.CRITICAL)
    try:
        with CaptureQueriesContext(connection) as still:
            work(fine.delayed(product))
    finally:
        logging.getLogger("boogie").setLevel(logging.NOTSET)
    assert len(loud) == len(still)


def test_a_call_within_a_body_leaves_no_record_of_ours_in_the_log_of_the_row(product):
    @declared(log="DEBUG")
    def outer(product):
        logging.getLogger("project").info("mine")
        fine.call(product)

    row = work(outer.delayed(product))
    assert [line["message"] for line in row.log] == ["mine"]


def test_what_celery_says_of_its_own_tasks_is_left_alone(heard):
    about = {"name": "proj.plain", "id": "1"}
    logging.getLogger(records.CELERYS).error("Task %(name)s[%(id)s] raised", about)
    assert [record.getMessage() for record in heard] == ["Task proj.plain[1] raised"]


def test_what_raises_before_the_body_has_begun_and_failed(heard, product):
    def stop(self, *args):
        raise ValueError("not today")

    body = declared(lambda product: None)
    body.before_start = stop.__get__(body)
    work(body.delayed(product))
    assert [record.outcome for record in own(heard)] == [None, "failed"]


def test_the_start_is_told_behind_other_receivers_of_the_signal(heard, product):
    def bind(**extra):
        logging.getLogger("another").info("bound")

    signals.task_prerun.connect(bind)
    try:
        work(declared(lambda product: None).delayed(product))
    finally:
        signals.task_prerun.disconnect(bind)
    names = [record.name for record in heard if record.name in ("another", "boogie.apps.tasks")]
    assert names == ["another", "boogie.apps.tasks", "boogie.apps.tasks"]


@pytest.mark.parametrize("options", [{"encrypt": True}, {"sensitive": ["word"]}])
@pytest.mark.parametrize("both", [True, False])
def test_a_failure_of_what_is_not_to_be_read_is_told_without_it(options, both, heard, product):
    more = {"encrypt": True, "sensitive": ["word"]} if both else options

    def fall(product, word):
        raise ValueError(f"no {word}")

    task = declared(fall, **more)
    with override_settings(BOOGIE_TASKS={"ENCRYPTION_KEYS": [Fernet.generate_key().decode()]}):
        work(task.delayed(product, "hushhush"))
    type(task).encrypt = False  # checks of the whole project, which has no keys, are to pass
    assert [record.outcome for record in own(heard)] == [None, "failed"]
    assert not [r for r in heard if r.levelno >= logging.ERROR and r.name != "boogie.apps.tasks"]
    if "sensitive" in more:
        formatted = "\n".join(logging.Formatter().format(record) for record in heard)
        assert "hushhush" not in formatted


def test_what_django_structlog_would_say_of_a_failure_is_said_once(heard, product):
    said = logging.getLogger(records.STRUCTLOGS)

    def fail(**extra):
        said.error("task_failed")
        said.info({"event": "task_failed", "error": "an expected one"})
        said.warning({"event": "task_retrying", "reason": "another"})

    def fall(product):
        said.warning("careful")
        raise ValueError("no")

    signals.task_failure.connect(fail)
    try:
        work(declared(fall).delayed(product))
    finally:
        signals.task_failure.disconnect(fail)
    said.error("of a plain task")
    others = [r.getMessage() for r in heard if r.name == records.STRUCTLOGS]
    assert others == ["careful", "of a plain task"]
