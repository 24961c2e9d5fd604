"""Entries of ``errors`` are dated by the database, as everything in a row is."""

from datetime import datetime, timedelta

import pytest

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.execution import errors
from boogie.apps.tasks.lifecycle import transitions
from tests.project.shop.models import Product
from tests.support.rows import stored
from tests.support.runs import by_call, by_worker, declared

pytestmark = pytest.mark.django_db

EARLIER = {"attempt": 1, "type": "x.Error", "message": "", "at": "2026-01-02T03:04:05+00:00"}

#: What reads as the place of the time, and is none.
CONFUSING = 'a \\u0000 "\\u0000" "at": "\\u0000" \\"\\u0000\\" %s %% ü \0'


@pytest.mark.parametrize("run", [by_call, by_worker])
def test_an_error_carries_the_moment_at_which_its_row_failed(run):
    @declared
    def failing(product):
        raise ValueError(CONFUSING)

    row = run(failing, Product.objects.create(name="pen"))
    (error,) = row.errors
    assert datetime.fromisoformat(error["at"]) == row.ended
    assert error["message"] == CONFUSING.replace("\0", "\\x00")


@pytest.mark.parametrize(
    ("arrow", "more"),
    [("fail", ()), ("retry", (Moment(600.0),)), ("rescue", (600.0,))],
    ids=["fail", "retry", "rescue"],
)
def test_every_arrow_dates_the_new_error_alone_by_the_database(arrow, more):
    row = stored("running", errors=[EARLIER])
    error = errors.describe(ValueError(CONFUSING), 3, "ünï@here/1")
    assert getattr(transitions, arrow)(Task.objects.all(), row, error, *more) == 1
    row.refresh_from_db()
    first, last = row.errors
    assert first == EARLIER
    at = datetime.fromisoformat(last.pop("at"))
    assert last == error
    if arrow == "fail":
        assert at == row.ended
    else:
        assert at + timedelta(minutes=10) == row.due


def test_the_time_of_an_error_is_in_utc_in_any_zone(settings):
    settings.TIME_ZONE = "Asia/Kolkata"
    row = stored("running")
    assert transitions.fail(Task.objects.all(), row, dict(EARLIER)) == 1
    found = Task.objects.annotate(now=Moment()).get()
    at = datetime.fromisoformat(found.errors[0]["at"])
    assert at.utcoffset() == timedelta()
    assert abs(at - found.now) < timedelta(minutes=10)
