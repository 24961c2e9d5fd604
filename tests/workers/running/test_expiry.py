"""Rows that expire while workers run: nobody claims them, and they are cancelled all the same."""

import pytest

from tests.project.shop import tasks
from tests.project.shop.models import Product
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("verb", ["delayed", "paused"])
def test_a_row_that_no_worker_serves_is_cancelled_by_one_once_it_has_expired(standing, verb):
    row = getattr(tasks.perishable, verb)(Product.objects.create(name="pen"))

    def is_cancelled():
        row.refresh_from_db()
        return row.is_cancelled

    wait_until(is_cancelled, PATIENCE)
    assert (row.attempt, row.error.partition(":")[0]) == (0, "Expired")
    assert row.ended >= row.expires
