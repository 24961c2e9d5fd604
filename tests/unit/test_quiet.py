"""Errors of Celery's that are warnings in a worker: of runs whose records say more."""

import logging

import pytest
from celery.worker.consumer.consumer import UNKNOWN_TASK_ERROR

from boogie.apps.tasks.db.ids import uuid7
from boogie.apps.tasks.worker import quiet


def level(logger, text, *args):
    record = logging.getLogger(logger).makeRecord(logger, logging.ERROR, "", 0, text, args, None)
    assert quiet._filter.filter(record)
    return record.levelname


def unknown(task_id):
    headers = {"id": task_id, "task": "shop.gone"}
    return level(quiet.CONSUMER, UNKNOWN_TASK_ERROR, KeyError("shop.gone"), "", headers, {})


def test_a_child_that_died_is_a_warning():
    assert level(quiet.POOL, "Process %r pid:%r exited with %r", "P-1", 1, "signal 9") == "WARNING"


def test_a_row_of_a_task_that_nobody_knows_is_a_warning_since_the_row_fails():
    assert unknown(str(uuid7())) == "WARNING"


@pytest.mark.parametrize("task_id", ["c8416faa-a3de-4eda-91e7-272a9daee112", "by hand", None])
def test_a_message_of_somebody_else_stays_an_error(task_id):
    assert unknown(task_id) == "ERROR"


def test_whatever_else_they_say_stays_as_it_is():
    assert level(quiet.POOL, "out of memory") == "ERROR"


def test_it_is_heard_once_however_often_it_is_connected():
    quiet.connect()
    quiet.connect()
    for name in (quiet.POOL, quiet.CONSUMER):
        assert logging.getLogger(name).filters.count(quiet._filter) == 1
        logging.getLogger(name).removeFilter(quiet._filter)
