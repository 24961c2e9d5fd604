"""What is kept of the errors of a row with very many attempts, and what ``error`` tells."""

import pytest

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.execution import errors
from boogie.apps.tasks.lifecycle import history, transitions
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


@pytest.mark.parametrize("character", ["x", "ü", "🎉", "\\", "\0"])
def test_errors_with_huge_texts_are_stored_whatever_they_consist_of(character):
    """And take no more than a statement may: 16 MiB on MariaDB."""
    text = character * 100_000
    error = errors.entry("x.Error", text, text, 1, "here")
    row = stored("running", errors=[])
    row.errors = [error] * 49
    assert transitions.fail(Task.objects.all(), row, error) == 1
    row.refresh_from_db()
    assert len(row.errors) == 50
    assert all(len(entry["message"]) <= 5_000 for entry in row.errors[:-1])
    assert row.errors[-1].items() >= error.items()


def test_a_text_that_was_cut_once_is_cut_no_more_and_says_what_is_missing():
    cut = history.cut("x" * 300_000, 5_000)
    assert "… 295060 characters left out …" in cut
    assert len(cut) <= 5_000
    assert history.cut(cut, 5_000) == cut
    assert history.cut("x" * 5_000, 5_000) == "x" * 5_000


def test_a_row_that_finished_in_the_end_has_errors_and_no_error():
    @declared(bind=True, max_retries=3)
    def third_time(self, product):
        if self.row.attempt < 3:
            raise self.retry(countdown=0, exc=ValueError("not yet"))

    row = by_worker(third_time, Product.objects.create(name="pen"))
    assert row.is_finished
    assert row.error is None
    assert [entry["type"] for entry in row.errors] == ["builtins.ValueError"] * 2
