"""Two want one row: one gets it, the other is seen to lose."""

from functools import partial

import pytest
from django.db import connection

from boogie.apps.tasks import Task, task_paused
from boogie.apps.tasks.db import features
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.execution import errors, start
from boogie.apps.tasks.keeper import rescue
from boogie.apps.tasks.lifecycle import transitions
from tests.project.shop.models import Product
from tests.races.rivals import race, while_uncommitted
from tests.support.judge import steady
from tests.support.rows import claim, stored
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = range(10)
ERROR = errors.entry("builtins.ValueError", "no", "", 3, "worker@there/1")


def only(row):
    return Task.objects.filter(pk=row.pk)


VERBS = {
    "run": lambda row: transitions.run(only(row)),
    "pause": lambda row: transitions.pause(only(row)),
    "claim": claim,
    "finish": lambda row: transitions.finish(only(row), row, {"n": 1}),
    "fail": lambda row: transitions.fail(only(row), row, ERROR),
    "retry": lambda row: transitions.retry(only(row), row, ERROR, Moment(5)),
    "rescue": lambda row: transitions.rescue(only(row), row, ERROR, 5),
    "cancel": lambda row: transitions.cancel(only(row)),
    "requeue": lambda row: transitions.requeue(only(row)),
}

#: Pairs of arrows of which only the one that comes first can move the row, and where it is then.
EXCLUSIVE = [
    ("queued", "claim", "claim", "running"),
    ("queued", "cancel", "claim", "cancelled"),
    ("queued", "pause", "claim", "paused"),
    ("queued", "claim", "pause", "running"),
    ("queued", "cancel", "pause", "cancelled"),
    ("queued", "cancel", "cancel", "cancelled"),
    ("paused", "run", "run", "queued"),
    ("paused", "cancel", "run", "cancelled"),
    ("running", "finish", "cancel", "finished"),
    ("running", "cancel", "finish", "cancelled"),
    ("running", "fail", "cancel", "failed"),
    ("running", "cancel", "fail", "cancelled"),
    ("running", "cancel", "retry", "cancelled"),
    ("running", "cancel", "rescue", "cancelled"),
    ("running", "rescue", "finish", "queued"),
    ("running", "finish", "rescue", "finished"),
    ("running", "rescue", "rescue", "queued"),
    ("running", "retry", "rescue", "queued"),
    ("running", "finish", "fail", "finished"),
    ("failed", "requeue", "requeue", "queued"),
]


@pytest.mark.parametrize(("status", "first", "second", "then"), EXCLUSIVE)
def test_the_second_of_two_finds_the_row_moved_and_moves_nothing(status, first, second, then):
    row = stored(status)
    won, lost = while_uncommitted(lambda: VERBS[first](row), lambda: VERBS[second](row))
    assert (won, lost) == (1, 0)
    row.refresh_from_db()
    assert row.status == then


@pytest.mark.parametrize(("status", "first", "second"), [e[:3] for e in EXCLUSIVE[::3]])
def test_what_the_first_rolls_back_leaves_the_row_to_the_second(status, first, second):
    row = stored(status)
    both = [lambda: VERBS[first](row), lambda: VERBS[second](row)]
    assert while_uncommitted(*both, undo=True) == (1, 1)


def test_of_two_claims_at_one_moment_one_wins_and_one_gets_nothing():
    body = declared(lambda product: None)
    product = Product.objects.create(name="pen")
    for _ in ROUNDS:
        row = body.delayed(product)
        runs = race(*[lambda row=row: start.claim(str(row.pk), row.name)] * 2)
        assert sorted(run is None for run in runs) == [False, True]
        (winner,) = [run for run in runs if run is not None]
        assert winner.row.attempt == 1
        row.refresh_from_db()
        assert (row.status, row.attempt) == ("running", 1)


def test_of_two_doorbells_at_one_moment_one_runs_the_body():
    ran = []
    body = declared(lambda product, n: ran.append(n))
    product = Product.objects.create(name="pen")
    for n in ROUNDS:
        row = body.delayed(product, n)
        race(*[lambda row=row: work(Task.objects.get(pk=row.pk))] * 2)
        row.refresh_from_db()
        assert (row.status, row.attempt) == ("finished", 1)
    assert ran == list(ROUNDS)


def test_a_claim_and_a_cancel_at_one_moment_leave_the_row_cancelled():
    body = declared(lambda product: None)
    product = Product.objects.create(name="pen")
    for _ in ROUNDS:
        row = body.delayed(product)
        run, cancelled = race(
            lambda row=row: start.claim(str(row.pk), row.name),
            lambda row=row: Task.objects.get(pk=row.pk).cancel(),
        )
        row.refresh_from_db()
        assert cancelled is True
        assert row.is_cancelled
        if features.returns_from_update(connection):
            assert row.attempt == (0 if run is None else 1)
        else:  # claimed, and cancelled before it was read: that is nobody's run
            assert row.attempt in ((0, 1) if run is None else (1,))


def test_a_claim_and_a_pause_at_one_moment_let_one_of_them_have_the_row():
    body = declared(lambda product: None)
    product = Product.objects.create(name="pen")
    for _ in ROUNDS:
        row = body.delayed(product)
        run, paused = race(
            lambda row=row: start.claim(str(row.pk), row.name),
            lambda row=row: Task.objects.get(pk=row.pk).pause(),
        )
        row.refresh_from_db()
        assert (run is None) is paused
        assert row.status == ("paused" if paused else "running")


def test_many_workers_and_many_rows_run_every_row_once():
    ran = []
    body = declared(lambda product, n: ran.append(n))
    product = Product.objects.create(name="pen")
    rows = [body.delayed(product, n) for n in range(12)]

    def every_row(order):
        for row in order:
            work(Task.objects.get(pk=row.pk))

    race(lambda: every_row(rows), lambda: every_row(rows[::-1]), lambda: every_row(rows[::2]))
    assert sorted(ran) == list(range(12))
    assert set(body.tasks().values_list("status", "attempt")) == {("finished", 1)}


def test_of_two_rescues_at_one_moment_one_counts_the_loss():
    for _ in ROUNDS:
        row = stored("running", worker="dead@host/1")
        race(*[partial(rescue.rescue, steady())] * 2)
        row.refresh_from_db()
        assert (row.status, row.losses, len(row.errors)) == ("queued", 1, 1)


def test_a_row_that_is_being_claimed_is_not_cleaned():
    body = declared(lambda product: None)
    row = body.delayed(Product.objects.create(name="pen"))
    claimed, removed = while_uncommitted(lambda: claim(row), lambda: body.clean(finished=False))
    assert (claimed, removed) == (1, 0)
    assert Task.objects.get(pk=row.pk).is_running


def test_rows_moved_in_one_go_by_two_are_counted_once():
    for _ in ROUNDS:
        for _ in range(5):
            stored("queued")
        moved = race(Task.objects.all().pause, Task.objects.all().pause)
        assert sum(moved) == 5
        Task.objects.all().delete()


def test_rows_moved_by_two_while_somebody_listens_are_told_once():
    heard = []

    def receiver(task, **extra):
        heard.append(task.pk)

    task_paused.connect(receiver)
    try:
        rows = [stored("queued") for _ in range(5)]
        moved = race(Task.objects.all().pause, Task.objects.all().pause)
    finally:
        task_paused.disconnect(receiver)
    assert sum(moved) == 5
    assert sorted(heard) == sorted(row.pk for row in rows)


def test_a_claim_that_waited_for_another_transaction_sees_the_object_as_that_left_it():
    body = declared(lambda product: product.name)
    product = Product.objects.create(name="before")
    work(body.delayed(product))  # from now on the claim may read the object as well
    row = body.delayed(product)

    def change():
        row.pause()
        Product.objects.update(name="after")
        return row.run()

    moved, run = while_uncommitted(change, lambda: start.claim(str(row.pk), row.name))
    assert moved
    if run is not None:  # a database may also show the row as it was paused
        assert run.args[0].name == "after"
    else:
        assert work(row).get_result() == "after"
