"""What a schedule takes, and how that is stored."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from celery.schedules import crontab, schedule, solar
from hypothesis import given
from hypothesis import strategies as st

from boogie.apps.tasks.recurrence import when, zones

#: To make one by its class takes a package that we do not install.
SUNSET = object.__new__(solar)
vars(SUNSET).update(event="sunset", lat=52.5, lon=13.4)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (crontab(), "* * * * *"),
        (crontab(minute=0, hour=3), "0 3 * * *"),
        (crontab(minute="*/15", hour="8-18", day_of_week="mon-fri"), "*/15 8-18 * * mon-fri"),
        (crontab(minute=[30, 0], hour={7}), "0,30 7 * * *"),
        (crontab(0, 0, day_of_month="1-7", month_of_year="*/3"), "0 0 1-7 */3 *"),
        (timedelta(minutes=90), "P0DT01H30M00S"),
        (timedelta(microseconds=1), "P0DT00H00M00.000001S"),
    ],
)
def test_what_is_stored_is_what_cron_would_have_and_comes_back(given, text):
    assert str(when.of(given)) == text
    assert when.of_text(text) == when.of(given)


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=10_000)))
def test_a_timedelta_comes_back_to_the_microsecond(every):
    assert when.of_text(str(when.of(every))).every == every


def test_people_write_a_length_of_time_as_django_reads_it():
    assert when.of_text(" 01:30:00 ").every == timedelta(minutes=90)
    assert when.of_text("7 00:00:00").every == timedelta(days=7)


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ("P0DT02H00M00S", "02:00:00"),
        ("P7DT02H00M00.000001S", "7 02:00:00.000001"),
        ("0 8 * * mon", "0 8 * * mon"),
        ("rubbish", "rubbish"),
    ],
)
def test_people_see_it_as_they_would_write_it(stored, written):
    assert when.as_written(stored) == written
    if stored != "rubbish":
        assert str(when.of_text(written)) == stored


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (SUNSET, "the sun keeps to no clock"),
        (schedule(timedelta(minutes=1)), "crontab(.*), or a timedelta"),
        (90, r"timedelta\(seconds=90\)"),
        ("0 3 * * *", r"crontab.from_string\('0 3 \* \* \*'\)"),
        (None, "crontab(.*), or a timedelta"),
    ],
)
def test_other_types_are_refused_with_what_fits(given, words):
    with pytest.raises(TypeError, match=words):
        when.of(given)


class OwnCrontab(crontab):
    """One that may be due when it likes."""


def test_a_subclass_of_crontab_may_mean_something_else():
    with pytest.raises(TypeError, match="OwnCrontab"):
        when.of(OwnCrontab())


@pytest.mark.parametrize("every", [timedelta(0), timedelta(seconds=-1)])
def test_a_timedelta_that_does_not_go_on_is_refused(every):
    with pytest.raises(ValueError, match="more than 0"):
        when.of(every)


def test_a_crontab_that_never_comes_is_refused():
    with pytest.raises(ValueError, match="never"):
        when.of(crontab(day_of_month=31, month_of_year="2,4"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no time to repeat"),
        ("soon", "no time to repeat"),
        ("00:00:00", "more than 0"),
        ("0 3 * *", "five fields"),
        ("61 3 * * *", "no crontab"),
        ("0 3 * * someday", "no crontab"),
        ("0 3 31 2 *", "never"),
    ],
)
def test_what_is_no_time_to_repeat_something_is_refused_in_words(text, words):
    with pytest.raises(ValueError, match=words):
        when.of_text(text)


def test_a_zone_is_a_name_or_a_zone():
    assert zones.checked("Europe/Berlin") == "Europe/Berlin"
    assert zones.checked(ZoneInfo("Asia/Kathmandu")) == "Asia/Kathmandu"
    with pytest.raises(ValueError, match="is it Europe/Berlin"):
        zones.checked("Europe/Berln")
    with pytest.raises(TypeError, match="name of a zone"):
        zones.checked(2)
    for unfit in ("../../etc/passwd", "", "x" * 100, "Europe"):
        with pytest.raises(ValueError, match="no time zone"):
            zones.checked(unfit)


def test_slots_are_looked_for_after_a_moment():
    hourly, day = when.of(timedelta(hours=1)), date(2026, 1, 1)
    with pytest.raises(TypeError, match=r"after an aware datetime, not datetime\.date\(2026"):
        when.next_after(hourly, "UTC", day, day)
