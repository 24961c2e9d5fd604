"""A worker that froze in the middle of a commit holds locks: nobody waits for them."""

import pytest
from django.db import connection, transaction

from boogie.apps.tasks import Task
from tests.races.rivals import Rival
from tests.support.judge import rescue_as_judge
from tests.support.rows import stored

pytestmark = pytest.mark.django_db(transaction=True)

DEAD = "dead@host/1"


@pytest.fixture(autouse=True)
def _locks_rows(db):
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("this database cannot pass over a locked row")


def test_a_keeper_rescues_what_it_can_and_waits_for_no_locked_row():
    locked, other = stored("running", worker=DEAD), stored("running", worker=DEAD)
    with transaction.atomic():
        Task.objects.filter(pk=locked.pk).update(result=1)
        rival = Rival(rescue_as_judge)
        rival.start()
        rival.outcome()
        transaction.set_rollback(True)
    locked.refresh_from_db()
    other.refresh_from_db()
    assert locked.is_running
    assert other.is_queued


def test_a_row_that_was_locked_is_rescued_once_it_is_free():
    row = stored("running", worker=DEAD)
    rescue_as_judge()
    row.refresh_from_db()
    assert row.is_queued
    assert row.losses == 1
