"""The judge of the faults: how many ran at one time."""

from types import SimpleNamespace

import pytest

from faults.evidence import crowds
from faults.evidence.figures import Run

LIMITS = {"single": (1, False), "pair": (2, True)}


def body(row, start, end):
    return Run(row, 1, 1, start, end)


def row(pk, name, about="", started=None, ended=None, status="finished"):
    return SimpleNamespace(
        pk=pk, name=name, object_id=about, started=started, ended=ended, status=status
    )


@pytest.mark.parametrize(
    ("spans", "number"),
    [
        ([], 0),
        ([(1, 2), (2, 3)], 1),
        ([(1, 3), (2, 4), (3, 5)], 2),
        ([(1, 9), (2, 3), (2, 3)], 3),
        ([(1, float("inf")), (5, 6)], 2),
    ],
)
def test_spans_at_one_time_are_counted(spans, number):
    assert crowds.most(spans) == number


def test_more_bodies_than_may_run_at_one_time_are_seen():
    rows = [row("a", "single"), row("b", "single")]
    assert crowds.broken(LIMITS, rows, [body("a", 1, 3), body("b", 3, 4)], set()) == []
    (found,) = crowds.broken(LIMITS, rows, [body("a", 1, 3), body("b", 2, 4)], set())
    assert found.startswith("2 bodies of single")


def test_more_rows_than_may_run_by_the_clock_of_the_database_are_seen():
    rows = [row("a", "single", started=1, ended=3), row("b", "single", started=2, ended=4)]
    (found,) = crowds.broken(LIMITS, rows, [], set())
    assert found.startswith("2 rows of single")


def test_a_limit_by_object_is_counted_for_each():
    rows = [row(pk, "pair", about, 1, 2) for pk, about in zip("abcd", "1122", strict=True)]
    assert crowds.broken(LIMITS, rows, [], set()) == []
    rows.append(row("e", "pair", "2", 1, 2))
    (found,) = crowds.broken(LIMITS, rows, [], set())
    assert found.startswith("3 rows of pair 2")


def test_bodies_that_were_frozen_or_cancelled_may_go_on_beside_others():
    rows = [row("a", "single"), row("b", "single"), row("c", "single", status="cancelled")]
    bodies = [body("a", 1, 9), body("b", 2, 3), body("c", 2, 9)]
    assert len(crowds.broken(LIMITS, rows, bodies, set())) == 1
    assert crowds.broken(LIMITS, rows, bodies, {"a"}) == []
