"""Every status with every arrow: it moves where the table says, and changes nothing elsewhere."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.execution import errors
from boogie.apps.tasks.lifecycle import states, transitions
from tests.project.shop.models import Product
from tests.support.rows import HOUR, claim, columns, stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db


@declared
def nothing(product):
    """A task for rows that only come to be."""


ERROR = errors.entry("builtins.ValueError", "no", "trace", 3, "worker@there/1")

#: How each arrow of the table is asked for.
DRIVERS = {
    "run": lambda rows, row: transitions.run(rows),
    "pause": lambda rows, row: transitions.pause(rows),
    "claim": lambda rows, row: claim(row, worker="worker@here/2", pid=7),
    "finish": lambda rows, row: transitions.finish(rows, row, {"n": 1}),
    "fail": lambda rows, row: transitions.fail(rows, row, ERROR),
    "retry": lambda rows, row: transitions.retry(rows, row, ERROR, Moment(3600)),
    "rescue": lambda rows, row: transitions.rescue(rows, row, ERROR, 3600),
    "release": lambda rows, row: transitions.release(rows),
    "cancel": lambda rows, row: transitions.cancel(rows),
    "requeue": lambda rows, row: transitions.requeue(rows),
}

#: What an arrow changes besides ``status``: a value, or a predicate of the new and the old columns.
EFFECTS = {
    "run": {
        "due": lambda new, old: recent(new["due"]),
        "not_before": lambda new, old: recent(new["not_before"]),
    },
    "pause": {"due": None},
    "claim": {
        "due": None,
        "attempt": lambda new, old: new["attempt"] == old["attempt"] + 1,
        "started": lambda new, old: recent(new["started"]),
        "worker": "worker@here/2",
        "pid": 7,
    },
    "finish": {"result": {"n": 1}, "ended": lambda new, old: recent(new["ended"])},
    "fail": {
        "errors": lambda new, old: undated(new["errors"]) == [ERROR],
        "error_type": "builtins.ValueError",
        "ended": lambda new, old: recent(new["ended"]),
    },
    "retry": {
        "errors": lambda new, old: undated(new["errors"]) == [ERROR],
        "retries": 1,
        "started": None,
        "due": lambda new, old: recent(new["due"] - HOUR),
        "not_before": lambda new, old: new["not_before"] == new["due"],
    },
    "rescue": {
        "errors": lambda new, old: undated(new["errors"]) == [ERROR],
        "losses": 1,
        "started": None,
        "due": lambda new, old: recent(new["due"] - HOUR),
        "not_before": lambda new, old: new["not_before"] == new["due"],
    },
    "release": {"due": lambda new, old: recent(new["due"])},
    "cancel": {"due": None, "ended": lambda new, old: recent(new["ended"])},
    "requeue": {
        "due": lambda new, old: recent(new["due"]),
        "not_before": lambda new, old: recent(new["not_before"]),
        "started": None,
        "ended": None,
    },
}

STATUSES = [status for status, _ in states.STATUS]


def recent(moment):
    return abs(moment - timezone.now()) < timedelta(minutes=10)


def undated(entries):
    return [{key: entry[key] for key in entry if key != "at"} for entry in entries]


def only(row):
    return Task.objects.filter(pk=row.pk)


def test_every_arrow_has_a_driver_and_its_effects():
    names = {arrow.name for arrow in states.MOVES}
    assert DRIVERS.keys() == EFFECTS.keys() == names


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("arrow", states.MOVES, ids=lambda arrow: arrow.name)
def test_an_arrow_moves_a_row_exactly_from_its_sources(arrow, status):
    row, bystander = stored(status), stored(status)
    old, untouched = columns(row), columns(bystander)
    moved = DRIVERS[arrow.name](only(row), row)
    new = columns(row)
    assert columns(bystander) == untouched
    if status not in arrow.sources:
        assert moved == 0
        assert new == old
        return
    assert moved == 1
    assert new["status"] == arrow.target
    effects = EFFECTS[arrow.name]
    for name, expected in effects.items():
        assert expected(new, old) if callable(expected) else new[name] == expected, name
    assert {n for n in new if new[n] != old[n]} <= {"status", *effects}


#: How rows come to be, one or several at once.
MAKERS = {
    "create paused": [lambda obj: nothing.paused(obj), lambda obj: nothing.each.paused([obj])],
    "create queued": [
        lambda obj: nothing.delayed(obj),
        lambda obj: nothing.schedule(60, obj),
        lambda obj: nothing.each([obj]),
        lambda obj: nothing.each.schedule(60, [obj]),
    ],
}


def test_every_creation_has_its_makers():
    assert MAKERS.keys() | {"create running"} == {arrow.name for arrow in states.CREATIONS}


@pytest.mark.parametrize(
    ("arrow", "make"),
    [(arrow, make) for arrow in states.CREATIONS for make in MAKERS.get(arrow.name, ())],
)
@pytest.mark.django_db(transaction=True)
def test_a_row_comes_to_be_in_the_status_of_its_creation_and_is_announced(arrow, make):
    heard = []

    def hear(task, **extra):
        heard.append(task.status)

    arrow.signal.connect(hear)
    try:
        make(Product.objects.create(name="pen"))
    finally:
        arrow.signal.disconnect(hear)
    assert heard == [arrow.target] == [Task.objects.get().status]


@pytest.mark.django_db(transaction=True)
def test_a_call_begins_as_running_attempt_1():
    seen = []

    def hear(task, **extra):
        seen.append((task.status, task.attempt))

    states.CREATE_RUNNING.signal.connect(hear)
    try:
        nothing.call(Product.objects.create(name="pen"))
    finally:
        states.CREATE_RUNNING.signal.disconnect(hear)
    assert seen == [("running", 1)]


@pytest.mark.parametrize("arrow", ["finish", "fail", "retry", "rescue"])
@pytest.mark.parametrize("by", [-1, 1])
def test_what_a_run_writes_is_refused_once_the_attempt_has_changed(arrow, by):
    row = stored("running")
    only(row).update(attempt=F("attempt") + by)
    old = columns(row)
    assert DRIVERS[arrow](only(row), row) == 0
    assert columns(row) == old


@pytest.mark.parametrize("arrow", ["finish", "fail", "retry", "rescue"])
def test_what_a_run_writes_is_written_once(arrow):
    row = stored("running")
    assert DRIVERS[arrow](only(row), row) == 1
    once = columns(row)
    assert DRIVERS[arrow](only(row), row) == 0
    assert columns(row) == once


@pytest.mark.parametrize("status", STATUSES)
def test_a_run_cancels_itself_only_while_it_runs_and_has_its_attempt(status):
    row = stored(status)
    assert transitions.cancel_run(Task.objects.all(), row) == (status == "running")
    other = stored("running")
    only(other).update(attempt=99)
    assert transitions.cancel_run(Task.objects.all(), other) == 0


@pytest.mark.parametrize("status", STATUSES)
def test_a_call_takes_back_only_the_queued_row_with_its_attempt(status):
    row = stored(status, not_before=timezone.now() + HOUR)
    assert transitions.reclaim(only(row), row) == (status == "queued")
    other = stored("queued")
    only(other).update(attempt=99)
    assert transitions.reclaim(only(other), other) == 0


def test_a_claim_before_the_time_is_refused_and_after_it_accepted():
    row = stored("queued", not_before=timezone.now() + HOUR)
    old = columns(row)
    assert DRIVERS["claim"](only(row), row) == 0
    assert columns(row) == old
    only(row).update(not_before=timezone.now() - HOUR)
    assert DRIVERS["claim"](only(row), row) == 1
    assert columns(row)["not_before"] is None


def test_a_claim_does_not_mind_when_the_keeper_wants_to_look():
    row = stored("queued", due=timezone.now() + HOUR)
    assert DRIVERS["claim"](only(row), row) == 1


def test_running_a_paused_row_keeps_its_time_if_that_is_still_to_come():
    later = timezone.now() + HOUR
    row = stored("paused", scheduled_for=later)
    transitions.run(only(row))
    new = columns(row)
    assert new["scheduled_for"] == new["not_before"] == new["due"] == later


def test_running_a_paused_row_whose_time_has_gone_makes_it_due_now():
    row = stored("paused", scheduled_for=timezone.now() - HOUR)
    transitions.run(only(row))
    assert recent(columns(row)["due"])
    assert DRIVERS["claim"](only(row), row) == 1


def test_a_row_requeued_by_hand_starts_its_counts_again_and_goes_on_counting_attempts():
    row = stored("failed", retries=3, losses=2, errors=[ERROR], not_before=timezone.now() + HOUR)
    assert transitions.requeue(only(row)) == 1
    new = columns(row)
    assert (new["retries"], new["losses"], new["attempt"]) == (0, 0, 3)
    assert new["errors"] == [ERROR]
    assert recent(new["not_before"])


def test_errors_pile_up_over_attempts():
    row = stored("running", errors=[ERROR])
    transitions.fail(only(row), row, {**ERROR, "message": "again"})
    assert [e["message"] for e in columns(row)["errors"]] == ["no", "again"]


def test_many_rows_move_in_one_statement_and_the_others_stay(django_assert_num_queries):
    rows = [stored(status) for status in STATUSES for _ in range(2)]
    with django_assert_num_queries(1):
        assert Task.objects.all().cancel() == 6
    after = [columns(row)["status"] for row in rows]
    expected = ["cancelled"] * 6 + ["finished"] * 2 + ["failed"] * 2 + ["cancelled"] * 2
    assert after == expected
