"""Figures of a range are those of its rollups, however they are pieced together."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings

from boogie.apps.tasks import Task
from boogie.apps.tasks.keeper import rollups
from boogie.apps.tasks.models import Release, Rollup
from boogie.apps.tasks.monitoring.filters import FilterError
from boogie.apps.tasks.rollups import figures, histograms, ranges
from tests.project.shop.models import Product
from tests.support.ends import count_all, ended
from tests.support.runs import declared
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86400))


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@pytest.fixture
def now():
    """The end of this minute, naive in UTC: what has ended before it is in no other one."""
    return datetime.now(UTC).replace(tzinfo=None)


def count(now):
    count_all(now)
    count_all(now)


# --- ranges ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ranges.RANGES)
def test_a_range_has_a_bounded_number_of_points_that_cover_it(name):
    range_ = ranges.Range.parse({"range": name})
    assert 24 <= len(range_.points) <= 170
    last = range_.points[-1] + range_.step * SECOND
    assert range_.points[0] == range_.since <= range_.until <= last
    length = range_.until - range_.since
    assert ranges.RANGES[name] <= length < ranges.RANGES[name] + range_.step * SECOND


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2h", ""), ("5h", "1h"), ("30h", "90m"), ("50h", "49h"), ("6d", "2d"), ("40d", ""),
        ("40d", "20d"), ("400d", "100d"), ("10m", "8m"),
    ],
)  # fmt: skip
def test_the_pieces_of_a_range_lie_end_to_end_on_the_bounds_of_their_spans(since, until):
    range_ = ranges.Range.parse({"since": since, "until": until})
    at = range_.since
    for span, begin, end in range_.pieces:
        assert begin == at < end
        assert ranges.floor(begin, span) == begin
        assert ranges.floor(end, span) == end
        at = end
    assert at == range_.end >= range_.until
    assert len(range_.pieces) <= 5


@pytest.mark.parametrize(
    "params",
    [
        {"range": "2h"}, {"range": "x" * 999}, {"since": "yesterday"}, {"until": "\0"},
        {"since": "1h", "until": "2h"}, {"since": "2999-01-01"},
    ],
)  # fmt: skip
def test_a_range_that_makes_no_sense_is_refused(params):
    with pytest.raises(FilterError):
        ranges.Range.parse(params)


def test_what_is_asked_for_since_the_middle_ages_is_what_there_may_be():
    range_ = ranges.Range.parse({"since": "1066-10-14"})
    assert len(range_.points) <= 731


# --- figures --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ranges.RANGES)
def test_a_range_counts_what_ended_in_it_in_its_series_and_by_task(product, now, name):
    length = ranges.RANGES[name]
    for n in range(40):
        status = ["finished", "failed", "cancelled", "finished"][n % 4]
        ended(product, now - n * length / 41 - SECOND, status, name=f"task {n % 3}")
    ended(product, now - length - 2 * DAY)
    count(now)
    found = figures.read(ranges.Range.parse({"range": name}))
    sums = [sum(getattr(p, s) for p in found.points) for s in ("finished", "failed", "cancelled")]
    assert sums == [20, 10, 10]
    total = found.total
    assert [total.finished, total.failed, total.cancelled] == sums
    assert {task.name: task.ended for task in found.tasks} == {
        "task 0": 14, "task 1": 13, "task 2": 13,
    }  # fmt: skip
    assert sum(failures.count for failures in found.failures) == 10
    assert total.failure_rate == pytest.approx(1 / 3)


def test_percentiles_are_about_those_of_the_rows(product, now):
    for n in range(1, 101):
        ended(product, now - n * 5 * SECOND, wait=n / 1000, run=n, name="slow")
        ended(product, now - n * 5 * SECOND, wait=1, run=0.02, name="quick", status="failed")
    count(now)
    found = {task.name: task for task in figures.read(ranges.Range.usual()).tasks}
    slow, quick = found["slow"], found["quick"]
    for times, unit in ((slow.run, 1), (slow.wait, 1000)):
        assert times.p50 * unit == pytest.approx(50, rel=0.13)
        assert times.p95 * unit == pytest.approx(95, rel=0.13)
        assert times.p99 * unit == pytest.approx(99, rel=0.13)
    assert quick.run.p50 == pytest.approx(0.02, rel=0.26)
    assert quick.wait.p99 == pytest.approx(1, rel=0.26)
    assert slow.busy == pytest.approx(5050, rel=0.001)


def test_tasks_come_with_the_busiest_first_and_failures_with_the_most_frequent(product, now):
    for name, run, error in (("a", 1, "E"), ("b", 5, "F"), ("c", 3, "E"), ("a", 1, "E")):
        ended(product, now - MINUTE, "failed", run=run, name=name, error_type=error)
    count(now)
    found = figures.read(ranges.Range.usual())
    assert [task.name for task in found.tasks] == ["b", "c", "a"]
    kinds = [(each.name, each.error_type, each.count) for each in found.failures]
    assert kinds == [("a", "E", 2), ("b", "F", 1), ("c", "E", 1)]


def test_failures_have_the_times_of_the_first_and_the_last(product, now):
    for ago in (5, 700, 90):
        ended(product, now - ago * SECOND, "failed", error_type="E")
    count(now)
    (found,) = figures.read(ranges.Range.usual()).failures
    times = [time.replace(tzinfo=None) for time in (found.first, found.last)]
    assert times == [pytest.approx(now - ago * SECOND, abs=SECOND) for ago in (700, 5)]


def test_one_task_is_read_alone_with_what_it_was_called_before(product, now):
    task = declared(aliases=["shop.tasks.former"])(lambda product: None)
    for name in (task.name, "shop.tasks.former", "other"):
        ended(product, now - MINUTE, name=name)
    count(now)
    found = figures.read(ranges.Range.usual(), task.name)
    assert [(each.name, each.ended) for each in found.tasks] == [(task.name, 2)]
    assert sum(point.finished for point in found.points) == 2


def test_figures_stay_when_their_rows_have_gone(product, now):
    ended(product, now - MINUTE, "failed", error_type="E")
    count(now)
    Task.objects.all().clean()
    count(now)
    assert figures.read(ranges.Range.usual()).total.failed == 1


def test_nothing_has_ended_is_a_series_of_zeros():
    found = figures.read(ranges.Range.usual())
    assert {point.finished + point.failed for point in found.points} == {0}
    assert found.tasks == found.failures == []
    assert found.total.run.p95 is None


@pytest.mark.parametrize("rows", [1, 60])
def test_figures_cost_two_queries(product, now, rows):
    for n in range(rows):
        ended(product, now - n * MINUTE, name=f"task {n % 7}")
    count(now)
    with statements() as made:
        figures.read(ranges.Range.parse({"range": "7d"}))
    assert len(made) == 2


# --- failures and versions ------------------------------------------------------------


def test_failures_are_counted_for_an_hour_a_day_and_a_week(product, now):
    for ago in (MINUTE, 30 * MINUTE, 20 * HOUR, 3 * DAY, 9 * DAY):
        ended(product, now - ago, "failed", name="a", error_type="E")
    ended(product, now - 2 * DAY, "failed", name="b", error_type="F")
    ended(product, now - MINUTE, name="fine")
    count(now)
    with statements() as made:
        first, second = figures.failure_counts()
    assert len(made) == 1
    assert (first.name, first.error_type, first.hour, first.day, first.week) == ("a", "E", 2, 3, 4)
    assert (second.name, second.hour, second.day, second.week) == ("b", 0, 0, 1)
    assert first.last.replace(tzinfo=None) == pytest.approx(now - MINUTE, abs=SECOND)


def test_versions_are_told_with_the_time_of_their_first_worker():
    for version in ("1.0", "1.1"):
        with override_settings(BOOGIE_TASKS={"VERSION": version}):
            rollups.note_release()
    found = figures.releases(ranges.Range.parse({"since": "1h"}))
    # What was noted since the range was read is not in it.
    assert found == [] or [version for version, _ in found] == ["1.0", "1.1"]
    Release.objects.update(seen=datetime.now(UTC) - MINUTE)
    found = figures.releases(ranges.Range.usual())
    assert [version for version, _ in found] == ["1.0", "1.1"]


# --- histograms -----------------------------------------------------------------------


def test_histograms_are_packed_and_added_without_loss():
    counts = {3: 5, 7: 1, 90: 2}
    packed = histograms.pack(counts)
    assert packed[0] == 3
    found = {}
    for _ in range(2):
        histograms.add(found, packed)
    assert found == {place: 2 * count for place, count in counts.items()}
    histograms.add(found, histograms.pack({}))
    assert sum(found.values()) == 16


@pytest.mark.parametrize(
    ("seconds", "place"),
    [(0, 0), (0.0002, 0), (0.001, 1), (0.002, 4), (1, 31), (3, 35), (1e6, 90), (1e8, 90)],
)
def test_a_duration_lies_in_its_bucket(product, now, seconds, place):
    ended(product, now.replace(microsecond=0) - SECOND, run=seconds, wait=0)
    count(now)
    runs, waits = Rollup.objects.filter(span="day").values_list("runs", "waits").get()
    assert (runs, waits) == ([place, 1], [0, 1])
