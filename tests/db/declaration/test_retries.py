"""Retries mean what they mean in Celery, but a retry is the row going back to the queue."""

from datetime import UTC, datetime, timedelta

import pytest
from celery.exceptions import MaxRetriesExceededError
from django.utils import timezone

from boogie.apps.tasks import ArgumentError, Task
from tests.project.shop.models import Product
from tests.support.runs import both_worlds, declared, now_due, work

pytestmark = pytest.mark.django_db

LATER = datetime(2100, 1, 1, tzinfo=UTC)


class Hiccup(Exception):
    pass


@declared(bind=True, max_retries=3)
def stubborn(self, product, succeed_at=99):
    if self.row.attempt < succeed_at:
        raise self.retry(exc=Hiccup(f"attempt {self.row.attempt}"), countdown=600)
    return self.row.attempt


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


def waiting(row):
    """Seconds from now until a queued row may start."""
    return (row.not_before - timezone.now()).total_seconds()


@both_worlds
def test_a_retry_goes_back_to_the_queue_until_the_body_succeeds(run, product):
    row = run(stubborn, product, succeed_at=3)
    assert row.get_result() == 3
    assert (row.attempt, row.retries, row.losses) == (3, 2, 0)
    assert [e["message"] for e in row.errors] == ["attempt 1", "attempt 2"]


@both_worlds
def test_when_the_retries_are_over_the_original_exception_ends_the_row(run, product):
    row = run(stubborn, product)
    assert row.is_failed
    assert (row.attempt, row.retries) == (4, 3)
    assert [e["message"] for e in row.errors] == [f"attempt {n}" for n in (1, 2, 3, 4)]
    assert row.error == "Hiccup: attempt 4"


def test_call_raises_the_original_exception_when_the_retries_are_over(product):
    with pytest.raises(Hiccup, match="attempt 4"):
        stubborn.call(product)


@both_worlds
def test_without_an_exception_of_its_own_it_is_max_retries_exceeded(run, product):
    giving_up = declared(bind=True, max_retries=1)(lambda self, product: self.retry())
    row = run(giving_up, product)
    assert [e["type"] for e in row.errors] == [
        "celery.exceptions.Retry",
        "celery.exceptions.MaxRetriesExceededError",
    ]
    with pytest.raises(MaxRetriesExceededError):
        giving_up.call(product)


@both_worlds
def test_every_attempt_leaves_its_error_with_all_that_is_known(run, product):
    row = run(stubborn, product, succeed_at=2)
    (error,) = row.errors
    assert error.keys() == {"attempt", "type", "message", "traceback", "at", "worker"}
    assert error["attempt"] == 1
    assert error["type"] == f"{__name__}.Hiccup"
    assert "Hiccup: attempt 1" in error["traceback"]
    assert error["worker"] == row.worker != ""
    at = datetime.fromisoformat(error["at"])
    assert abs(at - timezone.now()) < timedelta(minutes=10)


def test_between_attempts_the_row_waits_for_its_countdown(product):
    row = work(stubborn.delayed(product, succeed_at=2))
    assert row.is_queued
    assert row.due == row.not_before
    assert row.started is None
    assert 500 < waiting(row) < 700
    assert work(row).attempt == 1
    assert work(now_due(row)).get_result() == 2


def retrying(**how):
    return declared(bind=True, default_retry_delay=1200)(
        lambda self, product: self.retry(exc=Hiccup("no"), **how)
    )


@pytest.mark.parametrize(
    ("how", "low", "high"),
    [
        ({}, 1100, 1300),
        ({"countdown": 300}, 200, 400),
        ({"countdown": 0}, -100, 1),
        ({"countdown": 0.5}, -100, 1),
        ({"eta": LATER}, 1e9, 1e10),
        ({"eta": LATER, "countdown": 5}, 1e9, 1e10),
    ],
    ids=["default_retry_delay", "countdown", "at once", "fraction", "eta", "eta and countdown"],
)
def test_when_a_retry_is_due(product, how, low, high):
    row = work(retrying(**how).delayed(product))
    assert row.is_queued
    assert low < waiting(row) < high


def test_the_eta_of_a_retry_is_kept_exactly_and_a_naive_one_is_in_the_current_zone(product):
    assert work(retrying(eta=LATER).delayed(product)).due == LATER
    naive = LATER.replace(tzinfo=None)
    with timezone.override("Asia/Kolkata"):
        row = work(retrying(eta=naive).delayed(product))
    assert row.due == LATER - timedelta(hours=5, minutes=30)


@both_worlds
def test_retry_without_throw_lets_the_body_go_on_and_retries_afterwards(run, product):
    log = []

    @declared(bind=True, max_retries=1)
    def gentle(self, product):
        if self.row.retries == 0:
            self.retry(exc=Hiccup("later"), countdown=0, throw=False)
        log.append(self.row.attempt)
        return "done"

    row = run(gentle, product)
    assert log == [1, 2]
    assert row.get_result() == "done"
    assert [e["message"] for e in row.errors] == ["later"]


@both_worlds
def test_a_retry_may_replace_arguments_queue_and_priority(run, product):
    @declared(bind=True)
    def changing(self, product, n, *, word="a"):
        if n == 1:
            raise self.retry((product, 2), {"word": "b"}, countdown=0, queue="moved", priority=8)
        return [n, word]

    row = run(changing, product, 1)
    assert row.get_result() == [2, "b"]
    assert (row.args, row.kwargs, row.queue, row.priority) == ([2], {"word": "b"}, "moved", 8)


@both_worlds
@pytest.mark.parametrize(
    "options",
    [
        *({"queue": queue} for queue in ("q" * 256, "a\0b", "a\ud800", "", 5)),
        *({"priority": priority} for priority in (-1, 10, True, "5")),
    ],
    ids=lambda options: f"{options!r:.40}",
)
def test_a_retry_with_an_option_that_no_row_can_have_fails_the_row(run, product, options):
    @declared(bind=True)
    def changing(self, product):
        raise self.retry(countdown=0, **options)

    row = run(changing, product)
    assert (row.status, row.attempt) == ("failed", 1)
    assert row.errors[0]["type"] == "builtins.ValueError"


@both_worlds
@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda self, p: self.retry((Product(pk=0),)), ArgumentError),
        (lambda self, p: self.retry(()), ArgumentError),
        (lambda self, p: self.retry((p, 1, 2, 3)), TypeError),
        (lambda self, p: self.retry((p,), {"nope": 1}), TypeError),
        (lambda self, p: self.retry((p, {1})), ArgumentError),
        (lambda self, p: self.retry(queeue="x"), TypeError),
    ],
    ids=["other object", "no object", "too many", "unknown", "unfit", "unknown option"],
)
def test_a_retry_that_could_not_work_fails_the_row(run, product, change, error):
    body = declared(bind=True)(lambda self, product, n=0: change(self, product))
    row = run(body, product)
    assert row.is_failed
    assert row.errors[-1]["type"].endswith(error.__name__)
    assert len(row.errors) == 1


@both_worlds
def test_max_retries_of_one_call_beats_that_of_the_task(run, product):
    @declared(bind=True, max_retries=9)
    def once(self, product):
        raise self.retry(exc=Hiccup("no"), countdown=0, max_retries=1)

    assert run(once, product).attempt == 2


# --- call() ---------------------------------------------------------------------------


def test_call_retries_at_once_whatever_the_countdown(product):
    assert stubborn.call(product, succeed_at=3) == 3
    assert Task.objects.get().get_result() == 3


def test_a_retry_in_a_plain_call_raises_what_it_was_about(product):
    plain = declared(bind=True)(lambda self, product: self.retry(exc=Hiccup("plain")))
    with pytest.raises(Hiccup, match="plain"):
        plain(product)
    assert Task.objects.count() == 0
