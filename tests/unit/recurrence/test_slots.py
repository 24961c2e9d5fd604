"""The slots of crontabs and timedeltas: beside a reference that looks at the clock every minute."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab
from hypothesis import given, settings
from hypothesis import strategies as st

from boogie.apps.tasks.recurrence import when
from tests.unit.recurrence import reference
from tests.unit.recurrence.reference import utc

#: Each with a year in which it has changed its clocks in some way of its own.
ZONES = {
    "Europe/Berlin": 2026,
    "America/New_York": 2025,
    "America/Sao_Paulo": 2018,
    "America/Havana": 2013,
    "Australia/Lord_Howe": 2026,
    "Asia/Kathmandu": 2000,
    "Africa/Casablanca": 2025,
    "Pacific/Apia": 2011,
    "Asia/Tehran": 2022,
    "UTC": 2026,
}

#: Times at which some of these zones have changed their clocks, besides any other.
CHANGES = [
    utc(2026, 3, 29, 1),
    utc(2026, 10, 25, 1),
    utc(2026, 3, 8, 7),
    utc(2026, 11, 1, 6),
    utc(2018, 2, 18, 2),
    utc(2018, 11, 4, 3),
    utc(2011, 12, 30, 10),
    utc(2026, 4, 4, 15),
    utc(2026, 10, 3, 15, 30),
    utc(2022, 9, 21, 19, 30),
    utc(2022, 3, 21, 20, 30),
    utc(2025, 2, 23, 2),
    utc(2025, 4, 6, 2),
    utc(2013, 11, 3, 5),
]


def stars(low, high):
    steps = st.sampled_from(["*", "*/2", "*/5", "*/7", "*/15", "*/30"])
    number = st.integers(low, high)
    ranges = st.tuples(number, number).map(sorted)
    parts = st.one_of(
        number.map(str),
        ranges.map(lambda pair: f"{pair[0]}-{pair[1]}"),
        st.tuples(ranges, st.integers(2, 9)).map(lambda p: f"{p[0][0]}-{p[0][1]}/{p[1]}"),
    )
    return st.one_of(steps, st.lists(parts, min_size=1, max_size=3).map(",".join))


FIELDS = st.fixed_dictionaries(
    {"minute": stars(0, 59), "hour": stars(0, 23)},
    optional={
        "day_of_week": st.sampled_from(["*", "mon", "sun", "mon-fri", "0,3", "1-5/2", "sat,sun"]),
        "day_of_month": st.sampled_from(["*", "*/2", "1-15", "25-31", "28,29,30,31"]),
        "month_of_year": st.sampled_from(["*", "*/2", "3-4,9-12", "1,2,3,10,11"]),
    },
)

MOMENTS = st.one_of(
    st.tuples(st.sampled_from(CHANGES), st.integers(-40 * 60, 20 * 60)).map(
        lambda pair: pair[0] + timedelta(minutes=pair[1])
    ),
    st.datetimes(datetime(1995, 1, 1), datetime(2037, 1, 1)).map(
        lambda moment: moment.replace(tzinfo=UTC, second=0, microsecond=0)
    ),
)


def slots(fields, zone, begin, end):
    """Return the slots from ``begin`` until before ``end``, one found after the other."""
    found, moment = [], begin - timedelta(microseconds=1)
    while True:
        moment = when.next_after(when.of(crontab(**fields)), zone, moment, begin)
        if moment is None or moment >= end:
            return found
        found.append(moment)


@settings(max_examples=100, deadline=None)
@given(FIELDS, st.sampled_from(list(ZONES)), MOMENTS)
def test_slots_come_when_cron_would_run_them(fields, zone, begin):
    end = begin + timedelta(days=2)
    assert slots(fields, zone, begin, end) == reference.slots(fields, zone, begin, end)


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_of_slots_comes_when_cron_would_run_them(zone):
    fields = {"minute": "0,30", "hour": "0,2,23"}
    begin, end = utc(ZONES[zone], 1, 1), utc(ZONES[zone] + 1, 1, 1)
    assert slots(fields, zone, begin, end) == reference.slots(fields, zone, begin, end)


def berlin(*parts, fold=0):
    return datetime(*parts, tzinfo=ZoneInfo("Europe/Berlin"), fold=fold).astimezone(UTC)


def after(given, moment, zone="Europe/Berlin", begin=None):
    return when.next_after(when.of(given), zone, moment, begin or moment)


def test_a_time_that_does_not_exist_comes_at_the_first_instant_that_does():
    nightly = crontab(minute=30, hour=2)
    assert after(nightly, berlin(2026, 3, 28, 12)) == berlin(2026, 3, 29, 3)
    assert after(nightly, berlin(2026, 3, 29, 3)) == berlin(2026, 3, 30, 2, 30)


def test_a_time_that_comes_twice_is_a_slot_once():
    nightly = crontab(minute=30, hour=2)
    assert after(nightly, berlin(2026, 10, 24, 12)) == berlin(2026, 10, 25, 2, 30)
    assert after(nightly, berlin(2026, 10, 25, 2, 30)) == berlin(2026, 10, 26, 2, 30)


def test_steps_are_of_real_time():
    halves = crontab(minute="*/30")
    begin = utc(2026, 10, 24, 23)
    found = [begin]
    while len(found) < 10:
        found.append(after(halves, found[-1]))
    assert {b - a for a, b in pairwise(found)} == {timedelta(minutes=30)}


def test_a_day_that_a_zone_has_left_out_is_made_up_for():
    noon = crontab(minute=0, hour=12, day_of_month=30, month_of_year=12)
    assert after(noon, utc(2011, 12, 1), "Pacific/Apia") == utc(2011, 12, 30, 10)


def test_the_29th_of_february_is_found_over_a_century_without_one():
    leap = crontab(minute=0, hour=0, day_of_month=29, month_of_year=2, day_of_week="mon")
    found = after(leap, utc(2080, 3, 1), "UTC")
    assert (found.month, found.day, found.isoweekday()) == (2, 29, 1)


def test_a_step_in_an_hour_that_is_always_left_out_never_comes():
    never = crontab(minute="*/30", hour=2, day_of_week="sun", day_of_month="25-31", month_of_year=3)
    assert after(never, utc(2026, 1, 1)) is None


def test_after_the_last_year_there_is_no_slot():
    assert after(crontab(), utc(9999, 12, 31, 23, 59), "UTC") is None
    assert after(timedelta(days=400), utc(9999, 1, 1), begin=utc(9999, 1, 1)) is None


@given(
    st.timedeltas(timedelta(microseconds=1), timedelta(days=400)),
    st.datetimes(datetime(2000, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),
    st.timedeltas(timedelta(days=-900), timedelta(days=900)),
)
def test_slots_of_a_timedelta_are_so_much_real_time_apart(every, begin, away):
    moment = begin + away
    found = after(every, moment, begin=begin)
    assert found > moment
    assert found - every <= moment
    assert (found - begin) % every == timedelta(0)


def test_a_naive_moment_is_refused():
    with pytest.raises(ValueError, match="aware datetime"):
        after(crontab(), datetime(2026, 1, 1))
