"""Rows and messages of plain tasks in one queue, and one worker that has room for one."""

import time

import pytest

from boogie.apps.tasks import Message
from boogie.apps.tasks.broker import inspect
from tests.project import services
from tests.project.blog import tasks
from tests.project.celery import app
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import titles

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

STANDING = (("--prefetch-multiplier=1",), "prefork")


def waiting():
    """Return how many messages the worker has not fetched."""
    if services.BROKER == "boogie":
        return Message.objects.free().count()
    return inspect.depth(app.conf.task_default_queue)


def published(number):
    """Wait until the next one is later: connections overtake each other, clocks have steps."""
    if services.BROKER != "boogie":
        wait_until(lambda: waiting() == number, PATIENCE)
    step = time.time() + 0.002  # SQLite's clock has milliseconds
    wait_until(lambda: time.time() > step, PATIENCE, pause=0.001)


def test_a_row_takes_its_turn_among_plain_messages_and_a_higher_one_comes_first(busy, user):
    with busy():
        tasks.plain_note.delay(user.pk, "fetched ahead")
        wait_until(lambda: waiting() == 0, PATIENCE)
        for number in range(1, 9):
            if number == 8:
                tasks.note_high.delayed(user, "high")
            elif number % 3:
                tasks.plain_note.delay(user.pk, f"{number} plain")
            else:
                tasks.note.delayed(user, f"{number} row")
            published(number)
    wait_until(lambda: len(titles(user)) == 9, PATIENCE)
    first, *others = titles(user)
    assert first == "fetched ahead"
    assert others[0] == "high"
    assert others[1:] == sorted(others[1:])
