"""Rows that wait although a worker is idle: it has them looked at again, and no others."""

from datetime import timedelta

import pytest
from django.utils import timezone

from boogie.apps.tasks import Task, current_app, queues, registry
from boogie.apps.tasks.broker import inspect
from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.keeper import ring
from boogie.apps.tasks.models import Task as Row
from tests.project.shop import functions
from tests.support.rows import HOUR, stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db


def rung(seconds, **columns):
    """Return a row whose doorbell was rung, or which was reserved, so many seconds ago."""
    row = stored("queued", queue="q", **columns)
    Task.objects.filter(pk=row.pk).update(due=Moment(conf.RING_AGAIN - seconds))
    return row


def found(idle=100, asked=("q",)):
    """Return which rows are due after an idle worker has looked."""
    ring.find_lying(list(asked), idle)
    return set(Task.objects.due())


@pytest.mark.parametrize("seconds", [ring.LYING + 1, 30, conf.RING_AGAIN - 1])
def test_a_row_that_nobody_begins_is_found(seconds):
    row = rung(seconds)
    assert ring.find_lying(["q"], 1) == 1
    assert Task.objects.due().get() == row
    assert ring.find_lying(["q"], 1) == 0


def test_a_row_that_was_just_rung_is_left_alone():
    rung(ring.LYING - 2)
    assert not found()


def test_a_worker_that_is_not_idle_asks_nothing(django_assert_num_queries):
    rung(30)
    with django_assert_num_queries(0):
        assert ring.find_lying(["q"], 0) == 0
        assert ring.find_lying(["q"], -3) == 0


def test_to_find_nothing_is_one_statement(django_assert_num_queries):
    rung(0)
    with django_assert_num_queries(1):
        assert ring.find_lying(["q", "other"], 4) == 0


def test_no_more_are_found_than_can_be_begun_and_the_first_in_line_are():
    low, old, new = rung(20), rung(30, priority=5), rung(10, priority=5)
    assert found(idle=2) == {old, new}
    assert found(idle=1) == {old, new, low}


def test_what_waits_for_its_time_for_others_or_elsewhere_is_not_found():
    soon = timezone.now() + timedelta(seconds=30)
    rung(30, not_before=soon)
    Task.objects.filter(pk=rung(30).pk).update(queue="elsewhere")
    rung(30, expires=timezone.now() - HOUR)
    assert not found()
    mine = rung(30, not_before=timezone.now() - HOUR)
    assert found() == {mine}


@pytest.fixture
def spread_out(monkeypatch):
    """Have Celery spread out the starts of a task."""
    app = current_app.celery_app()

    def spread(name):
        monkeypatch.setattr(app.tasks[name], "rate_limit", "1/m")

    return spread


def test_what_celery_spreads_out_lies_in_its_worker_for_a_reason(spread_out):
    body, other = declared(lambda product: None), declared(lambda product: None)
    mine, its = rung(30, name=body.name), rung(30, name=other.name)
    spread_out(body.name)
    assert found() == {its}
    assert not Task.objects.due().filter(pk=mine.pk)


def test_of_functions_nobody_knows_which_are_spread_out(spread_out, monkeypatch):
    body = declared(lambda product: None)
    its, of_a_function = rung(30, name=body.name), functions.add.enqueue(1)
    row = Row.objects.filter(pk=of_a_function.id)
    row.update(queue="q", due=Moment(conf.RING_AGAIN - 30))
    spread_out(registry.FUNCTION)
    assert found() == {its}
    monkeypatch.undo()
    ring.find_lying(["q"], 100)
    assert row.due().exists()


def test_a_worker_that_spreads_out_nothing_finds_all(spread_out, monkeypatch):
    body = declared(lambda product: None)
    spread_out(body.name)
    monkeypatch.setitem(current_app.celery_app().conf, "worker_disable_rate_limits", True)
    row = rung(30, name=body.name)
    assert found() == {row}


def test_a_row_of_a_queue_that_is_held_is_not_found():
    rung(30)
    queues.hold("q")
    assert not found()
    assert not found(asked=("q", "other"))


def test_only_the_rows_that_were_rung_last_are_looked_through(monkeypatch):
    monkeypatch.setattr(ring, "CAP", 2)
    far = rung(40)
    for _ in range(2):
        Task.objects.filter(pk=rung(10).pk).update(queue="elsewhere")
    assert not found()
    monkeypatch.setattr(ring, "CAP", 3)
    assert found() == {far}


def test_what_waits_behind_messages_of_a_broker_is_not_found(monkeypatch):
    depths = {"q": 1, "other": 0}
    monkeypatch.setattr(current_app, "needs_ringing", lambda *app: True)
    monkeypatch.setattr(inspect, "depth", depths.__getitem__)
    rung(30)
    other = rung(30)
    Task.objects.filter(pk=other.pk).update(queue="other")
    assert found(asked=("q", "other")) == {other}
    depths["q"] = None  # the broker is away
    assert found(asked=("q", "other")) == {other}


def test_as_long_as_there_are_more_twice_as_many_are_found():
    for _ in range(10):
        rung(30)
    lying = ring.Lying()
    assert [lying.look(["q"], 1) for _ in range(6)] == [1, 2, 4, 3, 0, 0]
    rung(30)
    rung(30)
    assert lying.look(["q"], 1) == 1
    assert lying.look(["q"], 0) == 0
    assert lying.look(["q"], 1) == 1


def test_who_finds_as_many_as_it_looks_through_goes_on_with_as_many(monkeypatch):
    monkeypatch.setattr(ring, "CAP", 2)
    for _ in range(7):
        rung(30)
    lying = ring.Lying()
    assert [lying.look(["q"], 1) for _ in range(5)] == [1, 2, 2, 2, 0]
