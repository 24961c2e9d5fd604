"""What keepers count: the same whoever counts, how often, and whatever breaks in between."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import override_settings

from boogie.apps.tasks import Task
from boogie.apps.tasks.keeper import rollups
from boogie.apps.tasks.models import Release, Rollup, Watermark
from boogie.apps.tasks.models.rollup import FIGURES, KEY
from tests.project.shop.models import Product
from tests.support.ends import count_at, ended
from tests.support.statements import statements
from tests.support.zones import as_user, clock_at, in_utc

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 6, 15, 12, 0)
SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=n) for n in (1, 60, 3600, 86400))


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


def begin_at(moment):
    """Have keepers that have counted everything before."""
    since = moment.replace(second=0, tzinfo=UTC) - 30 * DAY
    Watermark.objects.create(pk=1, since=as_user(since.replace(tzinfo=None)))


@pytest.fixture(autouse=True)
def _begun():
    begin_at(NOON)


def kept():
    """Return everything that is stored, in an order of its own."""
    return sorted(map(repr, Rollup.objects.values_list("span", *KEY, *FIGURES)))


def counts(span, **filters):
    """Return the counts of a span, by its start in UTC."""
    found = Rollup.objects.filter(span=span, **filters).order_by("start")
    sums = {}
    for start, count in found.values_list("start", "count"):
        sums[in_utc(start)] = sums.get(in_utc(start), 0) + count
    return sums


# --- what is counted ------------------------------------------------------------------


def test_what_ended_is_counted_by_minute_hour_and_day(product):
    ended(product, NOON - 61 * MINUTE)
    ended(product, NOON - 30 * SECOND)
    ended(product, NOON + 5 * SECOND)
    count_at(NOON + 10 * SECOND)
    assert counts("minute") == dict.fromkeys([NOON - 61 * MINUTE, NOON - MINUTE, NOON], 1)
    assert counts("hour") == {NOON - 2 * HOUR: 1, NOON - HOUR: 1, NOON: 1}
    assert counts("day") == {NOON.replace(hour=0): 3}


def test_each_task_queue_outcome_and_error_is_counted_by_itself(product):
    for fields in (
        {"name": "a"},
        {"name": "A"},
        {"queue": "slow"},
        {"status": "cancelled"},
        {"status": "failed", "error_type": "ValueError"},
        {"status": "failed", "error_type": "KeyError"},
        {"status": "failed", "error_type": "KeyError"},
    ):
        ended(product, NOON, **fields)
    count_at(NOON)
    found = Rollup.objects.filter(span="day").values_list(
        "name", "queue", "outcome", "error_type", "count"
    )
    assert set(found) == {
        ("a", "", "finished", "", 1),
        ("A", "", "finished", "", 1),
        ("db.rows.any", "slow", "finished", "", 1),
        ("db.rows.any", "", "cancelled", "", 1),
        ("db.rows.any", "", "failed", "ValueError", 1),
        ("db.rows.any", "", "failed", "KeyError", 2),
    }


def test_times_are_summed_and_their_first_and_last_end_kept(product):
    ended(product, NOON - 30 * SECOND, wait=2, run=3)
    ended(product, NOON - 20 * SECOND, wait=0.5, run=40)
    count_at(NOON)
    for each in Rollup.objects.all():
        assert (each.waited, each.ran) == (2_500_000, 43_000_000)
        assert [sum(packed[1:]) for packed in (each.waits, each.runs)] == [2, 2]
        assert in_utc(each.first) == NOON - 30 * SECOND
        assert in_utc(each.last) == NOON - 20 * SECOND


def test_a_scheduled_row_waits_from_its_time_on(product):
    time = as_user(NOON - 4 * SECOND)
    ended(product, NOON, wait=9999, run=3, scheduled_for=time)
    count_at(NOON)
    assert set(Rollup.objects.values_list("waited", flat=True)) == {1_000_000}


def test_a_wait_is_not_known_of_a_later_attempt_nor_a_run_of_what_never_started(product):
    ended(product, NOON, attempt=2)
    ended(product, NOON, status="cancelled", started=None, attempt=0)
    count_at(NOON)
    for each in Rollup.objects.all():
        assert (each.waited, each.waits) == (0, [])
        assert bool(each.runs) is (each.outcome == "finished")


def test_a_clock_that_went_back_makes_no_negative_time(product):
    ended(product, NOON, wait=-5, run=-7)
    count_at(NOON)
    for each in Rollup.objects.all():
        assert (each.waited, each.ran, each.waits, each.runs) == (0, 0, [0, 1], [0, 1])


# --- counting again -------------------------------------------------------------------


def test_counting_again_gives_the_same_numbers(product):
    for n in range(20):
        ended(product, NOON - n * 17 * SECOND, wait=n, run=n / 7, queue=str(n % 3))
    count_at(NOON)
    first = kept()
    assert first
    for later in (SECOND, 3 * SECOND, MINUTE, 2 * MINUTE, 9 * MINUTE):
        count_at(NOON + later)
        assert kept() == first


def test_counting_from_the_beginning_gives_the_same_numbers(product):
    for n in range(20):
        ended(product, NOON - n * 397 * SECOND, status=["finished", "failed"][n % 2])
    count_at(NOON)
    first = kept()
    Watermark.objects.all().delete()
    begin_at(NOON)
    count_at(NOON)
    assert kept() == first
    Rollup.objects.all().delete()
    Watermark.objects.all().delete()
    begin_at(NOON)
    count_at(NOON)
    assert kept() == first


def test_a_row_that_was_committed_late_is_counted_with_its_minute(product):
    ended(product, NOON - 10 * SECOND)
    count_at(NOON + SECOND)
    ended(product, NOON - 5 * SECOND)
    count_at(NOON + 2 * MINUTE)
    for span in ("minute", "hour", "day"):
        assert list(counts(span).values()) == [2]


def test_rows_that_are_deleted_or_retried_stay_counted(product):
    rows = [ended(product, NOON - 5 * SECOND, status="failed") for _ in range(3)]
    count_at(NOON)
    first = kept()
    rows[0].retry()
    Task.objects.filter(pk=rows[1].pk).clean()
    ended(product, NOON + 30 * SECOND)
    count_at(NOON + MINUTE)
    assert set(first) & set(kept())
    assert list(counts("minute", outcome="failed").values()) == [3]
    assert list(counts("day", outcome="failed").values()) == [3]


def test_what_breaks_off_in_between_has_written_nothing_and_is_made_up_for(product, monkeypatch):
    for n in range(5):
        ended(product, NOON - n * HOUR)
    real = rollups._sum
    broken = []

    def breaks(found, span, *rest):
        if span == "day" and len(broken) < 2:
            broken.append(kept())
            raise SystemExit
        return real(found, span, *rest)

    monkeypatch.setattr(rollups, "_sum", breaks)
    for _ in range(2):
        with pytest.raises(SystemExit):
            count_at(NOON)
        assert kept() == []
    assert all(broken), "nothing had been written when it broke"
    count_at(NOON)
    assert sum(counts("day").values()) == sum(counts("minute").values()) == 5


# --- turns ----------------------------------------------------------------------------


def test_one_keeper_in_a_minute_counts(product):
    ended(product, NOON)
    with clock_at(NOON):
        Watermark.objects.update(due=as_user(NOON))
        rollups.count()
        with statements() as made:
            assert rollups.count() is False
        assert len(made) == 1
    with clock_at(NOON + rollups.EVERY * SECOND), statements() as made:
        rollups.count()
    assert len(made) > 1


def test_a_minute_in_which_nothing_ends_costs_two_statements(product):
    ended(product, NOON)
    count_at(NOON)
    count_at(NOON + 5 * MINUTE)
    with clock_at(NOON + 10 * MINUTE), statements() as made:
        assert rollups.count() is False
    assert len(made) == 2


def test_an_hour_without_a_keeper_is_caught_up_in_turns_of_bounded_size(product, monkeypatch):
    for n in range(60):
        ended(product, NOON + n * MINUTE)
    count_at(NOON)
    with clock_at(NOON + HOUR):
        Watermark.objects.update(due=as_user(NOON))
        turns = 1
        while rollups.count():
            turns += 1
    assert turns == 3
    assert counts("hour") == {NOON: 60}


def test_a_long_pause_takes_no_turns(product):
    ended(product, NOON - 20 * DAY)
    ended(product, NOON)
    with clock_at(NOON):
        Watermark.objects.update(due=as_user(NOON))
        assert rollups.count() is True
        assert rollups.count() is False
    assert sum(counts("day").values()) == 2


def test_keepers_that_begin_count_what_is_there_already(product):
    Watermark.objects.all().delete()
    now = datetime.now(UTC).replace(tzinfo=None)
    ended(product, now - 3 * DAY)
    ended(product, now - 100 * DAY)
    while rollups.count():
        pass
    assert sum(counts("day").values()) == 1
    assert sum(counts("minute").values()) in (0, 1)


def test_what_ended_long_ago_is_counted_by_hour_at_once_and_comes_to_the_same(product):
    for n in range(40):
        ended(product, NOON - n * 97 * MINUTE, status=["finished", "failed"][n % 2])
    for moment in (NOON, NOON + 10 * DAY):
        count_at(moment)
    first = [row for row in kept() if not row.startswith("('minute'")]
    Rollup.objects.all().delete()
    Watermark.objects.all().delete()
    count_at(NOON + 10 * DAY)
    assert kept() == first != []


# --- boundaries -----------------------------------------------------------------------


def test_spans_begin_at_whole_minutes_hours_and_days_in_utc(product):
    midnight = NOON.replace(hour=0)
    for moment in (midnight - timedelta(milliseconds=1), midnight, midnight + HOUR):
        ended(product, moment)
    count_at(NOON)
    assert counts("minute") == {midnight - MINUTE: 1, midnight: 1, midnight + HOUR: 1}
    assert counts("hour") == {midnight - HOUR: 1, midnight: 1, midnight + HOUR: 1}
    assert counts("day") == {midnight - DAY: 1, midnight: 2}


# --- what goes ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("later", "left"),
    [
        (47 * HOUR, {"minute", "hour", "day"}),
        (50 * HOUR, {"hour", "day"}),
        (44 * DAY, {"hour", "day"}),
        (47 * DAY, {"day"}),
        (740 * DAY, set()),
    ],
)
def test_rollups_go_after_their_time_the_long_ones_later(product, later, left):
    for moment in (NOON, NOON + later):
        ended(product, moment)
        count_at(moment)
    old = Rollup.objects.filter(last=as_user(NOON))
    assert set(old.values_list("span", flat=True)) == left


def test_rollups_go_a_batch_at_a_time(product, monkeypatch):
    monkeypatch.setattr(rollups, "BATCH", 2)
    for n in range(5):
        ended(product, NOON + n * MINUTE)
    count_at(NOON + 5 * MINUTE)
    ended(product, NOON + 4 * DAY)
    count_at(NOON + 4 * DAY)
    assert Rollup.objects.filter(span="minute", start__lt=as_user(NOON + HOUR)).count() == 3


# --- versions -------------------------------------------------------------------------


def test_a_version_is_noted_once_and_none_is_not():
    rollups.note_release()
    assert not Release.objects.exists()
    for version in ("1", "1", "2", "1"):
        with override_settings(BOOGIE_TASKS={"VERSION": version}):
            rollups.note_release()
    assert list(Release.objects.order_by("pk").values_list("version", flat=True)) == ["1", "2"]
