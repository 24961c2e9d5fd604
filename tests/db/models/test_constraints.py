"""The database itself refuses rows that make no sense."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.lifecycle import states
from tests.support.rows import stored

pytestmark = pytest.mark.django_db

NOW = timezone.now()
STATUSES = [status for status, _ in states.STATUS]

INCOHERENT = [
    *[(s, {"due": NOW}) for s in STATUSES if s != "queued"],
    ("queued", {"due": None}),
    *[(s, {"ended": NOW}) for s in ("paused", "queued", "running")],
    *[(s, {"ended": None}) for s in ("finished", "failed", "cancelled")],
    *[(s, {"started": None}) for s in ("running", "finished", "failed")],
    *[(s, {"attempt": 0}) for s in ("running", "finished", "failed")],
    ("paused", {"status": "asleep"}),
    ("paused", {"status": ""}),
    ("paused", {"priority": 10}),
    ("paused", {"status": "queued"}),
    ("queued", {"status": "running"}),
    ("running", {"status": "finished"}),
    ("paused", {"status": "cancelled"}),
]


@pytest.mark.parametrize(("status", "changes"), INCOHERENT)
def test_an_incoherent_row_is_refused(status, changes):
    row = stored(status)
    with pytest.raises(IntegrityError), transaction.atomic():
        Task.objects.filter(pk=row.pk).update(**changes)


@pytest.mark.parametrize("status", STATUSES)
def test_a_coherent_row_of_every_status_is_accepted(status):
    row = stored(status)
    assert Task.objects.get(pk=row.pk).status == status


def test_a_row_may_be_cancelled_that_never_started():
    row = stored("cancelled")
    assert row.started is None
    assert row.attempt == 0
