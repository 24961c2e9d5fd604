"""``check_cancelled()``: what a body learns of its row, and what it costs to ask."""

import pytest
from celery import shared_task

from boogie.apps.tasks import Task, TaskCancelled, check_cancelled
from boogie.apps.tasks.execution import cancellation, losses
from tests.project.shop.models import Product
from tests.support.runs import both_worlds, declared, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


def rows():
    return Task.objects.running()


def by_method(self, product, steps):
    """Cancel its own row, as somebody else would, and go on until it learns of it."""
    self.check_cancelled()
    steps.append("asked")
    rows().cancel()
    self.check_cancelled()
    steps.append("never reached")


def by_function(self, product, steps):
    check_cancelled()
    steps.append("asked")
    rows().cancel()
    check_cancelled()
    steps.append("never reached")


# --- cancelled --------------------------------------------------------------------------


@both_worlds
@pytest.mark.usefixtures("_always_asks")
@pytest.mark.parametrize("body", [by_method, by_function])
def test_a_body_whose_row_was_cancelled_ends_at_its_next_check(run, body, product):
    steps, hooks = [], []
    checking = declared(bind=True)(lambda self, product: body(self, product, steps))
    vars(checking)["on_failure"] = lambda *a: hooks.append("failure")
    vars(checking)["on_success"] = lambda *a: hooks.append("success")
    row = run(checking, product)
    assert steps == ["asked"]
    assert row.is_cancelled
    assert (row.result, row.errors, hooks) == (None, [], [])
    assert row.started <= row.ended


@pytest.mark.usefixtures("_always_asks")
def test_a_body_whose_row_was_rescued_ends_at_its_next_check(product):
    steps = []

    def body(product):
        losses.lose(rows().get(), "the worker was thought dead")
        check_cancelled()
        steps.append("never reached")

    row = work(declared(body).delayed(product))
    assert steps == []
    assert row.is_queued
    assert (row.losses, row.result) == (1, None)


@pytest.mark.usefixtures("_always_asks")
def test_a_body_whose_row_runs_again_elsewhere_ends_and_leaves_that_run_alone(product):
    steps = []

    def body(product):
        rows().update(attempt=2)
        check_cancelled()
        steps.append("never reached")

    row = work(declared(body).delayed(product))
    assert steps == []
    assert row.is_running
    assert (row.attempt, row.errors) == (2, [])


@pytest.mark.usefixtures("_always_asks")
def test_a_call_whose_row_was_cancelled_raises_task_cancelled(product):
    checking = declared(bind=True)(lambda self, product: by_method(self, product, []))
    with pytest.raises(TaskCancelled, match="was cancelled, or taken away, while it ran"):
        checking.call(product)


@both_worlds
@pytest.mark.usefixtures("_always_asks")
def test_an_atomic_body_that_learns_of_it_has_its_effects_rolled_back(run, product):
    def body(product):
        Product.objects.create(name="undone")
        rows().cancel()
        check_cancelled()

    run(declared(atomic=True)(body), product)
    assert not Product.objects.filter(name="undone").exists()


def test_a_body_that_does_not_ask_writes_nothing_to_its_row(product):
    row = work(declared(lambda product: rows().cancel()).delayed(product))
    assert row.is_cancelled
    assert row.result is None


@both_worlds
def test_a_body_that_raises_task_cancelled_itself_cancels_its_row(run, product):
    def body(product):
        raise TaskCancelled("enough")

    row = run(declared(body), product)
    assert row.is_cancelled
    assert row.errors == []


# --- not cancelled ----------------------------------------------------------------------


@both_worlds
@pytest.mark.usefixtures("_always_asks")
@pytest.mark.parametrize("atomic", [False, True])
def test_a_body_whose_row_is_its_own_goes_on(run, atomic, product):
    @declared(bind=True, atomic=atomic)
    def body(self, product):
        for _ in range(3):
            self.check_cancelled()
            check_cancelled()
        return "done"

    assert run(body, product).get_result() == "done"


def test_without_a_run_checking_does_nothing(product):
    body = declared(bind=True)(lambda self, product: (self.check_cancelled(), check_cancelled()))
    with statements() as made:
        body(product)
        check_cancelled()
    assert made == []


def test_in_a_plain_celery_task_checking_does_nothing():
    @shared_task(name="db.check_cancelled.plain")
    def plain():
        check_cancelled()
        return "done"

    with statements() as made:
        assert plain.apply().get() == "done"
    assert made == []


@pytest.mark.usefixtures("_always_asks")
def test_a_call_inside_a_body_asks_for_its_own_row(product):
    @declared
    def inner(product):
        Task.objects.filter(name=outer.name).cancel()
        check_cancelled()
        return "inner went on"

    @declared
    def outer(product):
        seen.append(inner.call(product))
        check_cancelled()
        seen.append("never reached")

    seen = []
    assert work(outer.delayed(product)).is_cancelled
    assert seen == ["inner went on"]
    assert inner.tasks().get().is_finished


# --- what it costs ----------------------------------------------------------------------


def test_a_loop_that_asks_all_the_time_asks_the_database_once_in_check_every(product, monkeypatch):
    monkeypatch.setattr(cancellation, "CHECK_EVERY", 3600.0)
    made = []

    @declared(bind=True)
    def body(self, product):
        with statements() as found:
            for _ in range(1000):
                self.check_cancelled()
                check_cancelled()
        made.extend(found)

    assert work(body.delayed(product)).is_finished
    assert len(made) <= 1
