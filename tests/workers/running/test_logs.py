"""What a stock worker writes of runs: levels, and that a failed one is a single error."""

import re

import pytest

from boogie.apps.tasks import Task
from tests.project.blog import tasks
from tests.project.shop import tasks as shop
from tests.project.shop.models import Product
from tests.support.names import fresh_name
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.diary import Diary, start
from tests.workers.traces import all_ended

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

#: A line of a worker's log: its level, and what it says.
LINE = re.compile(r"^\[[^]]+: (?P<level>[A-Z]+)/[^]]+\] (?P<text>.*)$", re.MULTILINE)


def lines(one, *levels):
    """What the worker has written at these levels."""
    return [text for level, text in LINE.findall(one.log) if level in levels]


def of(one, row, *levels):
    """What it has written of one row, without its name and id."""
    wanted = f"{row.name}[{row.pk}] "
    return [text.partition(wanted)[2] for text in lines(one, *levels) if wanted in text]


def until_told(one, row, word):
    wait_until(lambda: any(word in text for text in of(one, row, "INFO", "WARNING", "ERROR")))


def test_a_run_is_two_lines_and_celery_adds_only_that_its_message_came(standing, user):
    row = tasks.whereabouts.delayed(user)
    row.wait(PATIENCE)
    until_told(standing, row, "finished after")
    received, first, last = of(standing, row, "INFO")
    assert received == "received"  # by Celery, in the main process
    assert first == f"started: blog.user:{user.pk}, attempt 1"
    assert last.startswith("finished after ")


def test_a_failed_run_is_one_error_of_the_whole_worker(standing, user):
    before = len(lines(standing, "ERROR", "CRITICAL"))
    (row,) = all_ended(tasks.fail.delayed(user, "no ink left"))
    until_told(standing, row, "failed after")
    tasks.whereabouts.delayed(user).wait(PATIENCE)
    assert len(lines(standing, "ERROR", "CRITICAL")) == before + 1
    assert of(standing, row, "ERROR")[0].endswith("ms: ValueError: no ink left")
    assert standing.log.count("ValueError: no ink left\n") == 2  # the message, and its traceback


def test_a_retried_attempt_is_a_warning_and_no_error(standing, post):
    before = len(lines(standing, "ERROR", "CRITICAL"))
    row = tasks.retry_by_itself.delayed(post, 1)
    row.wait(PATIENCE)
    until_told(standing, row, "finished after")
    (warning,) = of(standing, row, "WARNING")
    assert warning.endswith("ms: LookupError: try 1")
    assert len(lines(standing, "ERROR", "CRITICAL")) == before


def test_a_hard_time_limit_is_one_error(standing, user):
    before = len(lines(standing, "ERROR", "CRITICAL"))
    (row,) = all_ended(tasks.limited_hard.delayed(user, "word", number=7))
    until_told(standing, row, "failed after")
    tasks.whereabouts.delayed(user).wait(PATIENCE)
    assert "TimeLimitExceeded" in of(standing, row, "ERROR")[0]
    assert len(lines(standing, "ERROR", "CRITICAL")) == before + 1


def test_a_child_that_was_killed_is_a_warning_of_its_run(standing, post):
    before = len(lines(standing, "ERROR", "CRITICAL"))
    row = tasks.die.delayed(post, "kill", times=1)
    row.wait(PATIENCE)
    until_told(standing, row, "finished after")
    (warning,) = of(standing, row, "WARNING")
    assert "is to run again after " in warning
    assert "WorkerLost" in warning
    assert len(lines(standing, "ERROR", "CRITICAL")) == before


def test_a_run_that_is_terminated_has_its_end_and_is_no_error(standing, tmp_path):
    product = Product.objects.create(name=fresh_name("product"))
    row = start(shop.told_by_method, product, Diary(tmp_path / "diary"))
    before = len(lines(standing, "ERROR", "CRITICAL"))
    assert row.cancel(terminate=True)
    until_told(standing, row, "was cancelled")
    assert len(of(standing, row, "INFO")) == 3
    assert len(lines(standing, "ERROR", "CRITICAL")) == before


def test_a_row_of_a_task_that_the_worker_does_not_know_is_one_error(standing, user):
    before = len(lines(standing, "ERROR", "CRITICAL"))
    row = tasks.note.paused(user, "unread")
    Task.objects.filter(pk=row.pk).update(name="tests.nobody.knows")
    row.refresh_from_db()
    assert row.run()
    until_told(standing, row, "failed after")
    (error,) = of(standing, row, "ERROR")
    assert "UnknownTask: no task 'tests.nobody.knows' is registered" in error
    assert len(lines(standing, "ERROR", "CRITICAL")) == before + 1
