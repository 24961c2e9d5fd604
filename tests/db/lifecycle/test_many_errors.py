"""What is kept of the errors of a row with very many attempts, and what ``error`` tells."""

import pytest

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.lifecycle import transitions
from tests.project.shop.models import Product
from tests.support.rows import stored
from tests.support.runs import by_worker, declared

pytestmark = pytest.mark.django_db


def entries(numbers):
    return [{"attempt": number, "type": "x.Error", "message": str(number)} for number in numbers]


@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (range(1, 50), [*range(1, 50), 999]),
        (range(1, 51), [*range(1, 11), *range(12, 51), 999]),
        (range(1, 61), [*range(1, 11), *range(22, 61), 999]),
    ],
    ids=[49, 50, 60],
)
@pytest.mark.parametrize("arrow", ["fail", "retry", "rescue"])
def test_the_first_10_and_the_last_40_are_kept(arrow, before, kept):
    row = stored("running", errors=entries(before))
    (last,) = entries([999])
    more = {"fail": (), "retry": (Moment(),), "rescue": (0.0,)}[arrow]
    assert getattr(transitions, arrow)(Task.objects.all(), row, last, *more) == 1
    row.refresh_from_db()
    assert [entry["attempt"] for entry in row.errors] == kept


def test_a_row_that_finished_in_the_end_has_errors_and_no_error():
    @declared(bind=True, max_retries=3)
    def third_time(self, product):
        if self.row.attempt < 3:
            raise self.retry(countdown=0, exc=ValueError("not yet"))

    row = by_worker(third_time, Product.objects.create(name="pen"))
    assert row.is_finished
    assert row.error is None
    assert [entry["type"] for entry in row.errors] == ["builtins.ValueError"] * 2
