"""What a keeper finds when it looks after rows: each of it is seen to by one look."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from boogie.apps.tasks import Schedule, Task, batch
from boogie.apps.tasks.holds import switch
from boogie.apps.tasks.keeper import thread
from boogie.apps.tasks.lifecycle import wiping
from boogie.apps.tasks.lifecycle.batched import telling as batched
from boogie.apps.tasks.lifecycle.needs import telling
from tests.project.shop.models import Product
from tests.support.rows import stored
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)


class Idle:
    """A worker that has nothing to do."""

    def known(self):
        return set()

    def kill(self, task_id):
        raise AssertionError("nobody is to be killed")


@pytest.fixture
def keeper():
    """The keeper under test; its threads do not run."""
    return thread.Keeper("here/1", {"queues": []}, Idle())


@pytest.fixture
def look(keeper):
    return keeper.look_after


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def _untold(monkeypatch):
    """Nobody tells of rows that end: as if all were killed just before."""
    monkeypatch.setattr(telling, "finished", lambda using, key: None)
    monkeypatch.setattr(batched, "_send", lambda *about: None)


@pytest.mark.usefixtures("_untold")
def test_rows_go_on_that_are_after_one_which_has_finished(look, pen):
    body = declared(lambda product: None)
    row = body.delayed(pen)
    after = body.using(after=row).delayed(pen)
    assert work(row).is_finished
    look()
    assert work(after).is_finished


@pytest.mark.usefixtures("_untold")
def test_a_batch_has_ended(look, pen):
    body = declared(lambda product: None)
    with batch() as found:
        row = body.delayed(pen)
    work(row)
    look()
    found.refresh_from_db()
    assert found.is_ended


def test_a_row_has_expired(look, pen):
    row = stored("queued", pen, expires=timezone.now() - timedelta(seconds=1))
    look()
    row.refresh_from_db()
    assert row.is_cancelled


def test_a_marked_row_has_ended(look, pen):
    row = stored("running", pen, args=["secret"])
    with transaction.atomic():
        wiping.mark(Task.objects.filter(pk=row.pk))
    Task.objects.filter(pk=row.pk).update(status="cancelled", ended=timezone.now())
    look()
    row.refresh_from_db()
    assert row.args == []


def test_rows_sleep_that_nothing_holds(look, pen, monkeypatch):
    body = declared(lambda product: None)
    body.hold()
    row = body.delayed(pen)
    work(row)
    monkeypatch.setattr(switch, "wake", lambda key: 0)
    body.release()
    monkeypatch.undo()
    look()
    row.refresh_from_db()
    assert row.due is not None


def test_a_schedule_is_due(keeper, pen):
    body = declared(lambda product: None)
    schedule = body.repeat(timedelta(days=1), pen)
    Schedule.objects.filter(pk=schedule.pk).update(next_run=timezone.now())
    keeper.tick()
    assert body.tasks(pen).count() == 1
