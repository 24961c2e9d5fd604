"""Ended rows past their retention are deleted, others never."""

from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from boogie.apps.tasks import Task, Worker
from boogie.apps.tasks.keeper import purge, thread
from tests.support.rows import stored

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def ended(status, days):
    return stored(status, ended=timezone.now() - days * DAY)


def left():
    return set(Task.objects.all())


def test_each_outcome_is_kept_for_its_own_time():
    keep = {
        ended("finished", 29),
        ended("failed", 89),
        ended("cancelled", 29),
        stored("paused", created=timezone.now() - 999 * DAY),
        stored("queued", created=timezone.now() - 999 * DAY),
        stored("running", created=timezone.now() - 999 * DAY),
    }
    ended("finished", 31), ended("failed", 91), ended("cancelled", 31)
    assert purge.purge() == 3
    assert left() == keep
    assert purge.purge() == 0


@override_settings(BOOGIE_TASKS={"RETENTION": {"finished": None, "failed": timedelta(hours=1)}})
def test_retention_is_a_setting_and_none_keeps_rows_for_ever():
    keep = {ended("finished", 9999)}
    ended("failed", 1)
    assert purge.purge() == 1
    assert left() == keep


def test_a_purge_takes_a_batch_at_a_time_the_oldest_first(monkeypatch):
    monkeypatch.setattr(purge, "BATCH", 2)
    monkeypatch.setattr(purge, "TURN", 0)
    rows = [ended("finished", days) for days in (100, 300, 200, 400, 500)]
    assert purge.purge() == 2
    assert left() == {rows[0], rows[1], rows[2]}
    assert purge.purge() == 2
    assert purge.purge() == 1


def test_a_purge_goes_on_for_a_while_as_long_as_there_are_more(monkeypatch):
    monkeypatch.setattr(purge, "BATCH", 2)
    monkeypatch.setattr(purge, "TURN", 60)
    for days in (100, 300, 200, 400, 500):
        ended("finished", days)
    assert purge.purge() == 5


def test_a_row_that_is_retried_meanwhile_stays(monkeypatch):
    from boogie.apps.tasks.models import TaskQuerySet

    row = ended("failed", 999)
    remove = TaskQuerySet.remove

    def retried_first(self):
        Task.objects.filter(pk=row.pk).retry()
        return remove(self)

    monkeypatch.setattr(TaskQuerySet, "remove", retried_first)
    assert purge.purge() == 0
    assert left() == {row}


def test_the_row_of_a_worker_goes_when_it_has_been_dead_for_an_hour():
    for name, minutes in (("alive", 0), ("dead", 59), ("forgotten", 61)):
        thread.beat(name, {"concurrency": 1})
        Worker.objects.filter(pk=name).update(seen=timezone.now() - timedelta(minutes=minutes))
    assert purge.purge() == 0
    assert set(Worker.objects.values_list("pk", flat=True)) == {"alive", "dead"}
