"""Workers that fetch from several queues at the same moment do not wait for each other."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.transport import delivery
from tests.project.shop.models import Product
from tests.races.rivals import while_uncommitted
from tests.support.planning import analyze
from tests.support.rows import coherent, stored

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rows():
    """Return the keys of eight rows, in the order in which they are to run."""
    if not connection.features.has_select_for_update_skip_locked:
        pytest.skip("nobody passes over what is locked")
    turns = [(queue, priority) for priority in (5, 0) for _ in range(2) for queue in ("one", "two")]
    found = [stored("queued", queue=queue, priority=priority).pk for queue, priority in turns]
    if connection.vendor == "mysql":  # of a few rows it sorts, and locks, all that are due
        later = [_behind(queue) for queue in ("one", "two") for _ in range(300)]
        Task.objects.bulk_create(later, batch_size=200)
        analyze(Task)
    return found


def _behind(queue):
    kind = ContentType.objects.get_for_model(Product)
    about = {"name": "races.any", "content_type": kind, "object_id": "1", "object_db": "default"}
    return Task(queue=queue, created=timezone.now(), **about, **coherent("queued"))


def fetch():
    return {one.key for one in delivery.reserve_rows(["one", "two"], 3)}


def test_two_fetches_take_different_rows(rows):
    first, second = while_uncommitted(fetch, fetch)
    assert len(first) == 3
    assert second
    assert not first & second


def test_what_a_fetch_does_not_take_it_does_not_lock(rows):
    if connection.vendor != "postgresql":
        pytest.skip("MariaDB locks as many rows of each queue as are to be taken of all")
    first, second = while_uncommitted(fetch, fetch)
    assert len(second) == 3
    assert set(rows[:4]) <= first | second
