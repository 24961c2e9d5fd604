"""``task.repeat()``: a schedule about one object, made by code."""

from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from celery.schedules import crontab
from cryptography.fernet import Fernet
from django.contrib.auth import get_user_model
from django.core.exceptions import SynchronousOnlyOperation

from boogie.apps.tasks import Schedule, Task, UnknownTask
from boogie.apps.tasks.testing import freeze, run_tasks, travel
from tests.project.shop.models import Product
from tests.support.runs import declared

from .work import digest, limited, unique

pytestmark = pytest.mark.django_db

MONDAYS = crontab(day_of_week="mon", hour=8, minute=0)
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)  # a Wednesday


@pytest.fixture
def product():
    return Product.objects.create(name="lamp")


def test_it_makes_a_row_that_says_all(product):
    with freeze(NOW):
        made = digest.using(time_zone="Europe/Berlin").repeat(MONDAYS, product, format="pdf")
    made.refresh_from_db()
    assert made.task == digest.name
    assert made.object == product
    assert (made.args, made.kwargs) == ([], {"format": "pdf"})
    assert (made.when, made.time_zone, made.missed) == ("0 8 * * mon", "Europe/Berlin", "once")
    assert made.enabled
    assert not made.declared
    assert made.last_run is None
    assert made.next_run == datetime(2026, 6, 8, 6, tzinfo=UTC)
    assert digest.name in made.name
    assert str(made) == made.name


def test_the_zone_is_that_of_the_project_unless_it_is_said(product, settings):
    assert digest.repeat(MONDAYS, product).time_zone == settings.TIME_ZONE


def test_a_second_identical_call_returns_the_same_row(product):
    first = digest.repeat(MONDAYS, product, "pdf")
    assert digest.repeat(MONDAYS, product, "pdf") == first
    assert digest.repeat(crontab(minute="0", hour=8, day_of_week="mon"), product, "pdf") == first
    assert Schedule.objects.count() == 1


def test_another_time_object_zone_or_argument_is_another_schedule(product):
    other = Product.objects.create(name="chair")
    digest.repeat(MONDAYS, product)
    digest.repeat(timedelta(days=7), product)
    digest.repeat(MONDAYS, other)
    digest.repeat(MONDAYS, product, "pdf")
    digest.repeat(MONDAYS, product, since=1)
    digest.using(time_zone="Asia/Tehran").repeat(MONDAYS, product)
    assert Schedule.objects.count() == 6


def test_a_call_with_the_name_of_another_one_about_the_same_changes_it(product):
    named = digest.using(name="weekly")
    first = named.repeat(MONDAYS, product)
    with freeze(NOW):
        second = named.using(missed="skip").repeat(timedelta(hours=1), product, "pdf")
    assert second.pk == first.pk
    second.refresh_from_db()
    assert (second.when, second.missed, second.args) == ("P0DT01H00M00S", "skip", ["pdf"])
    assert second.next_run == NOW + timedelta(hours=1)


def test_a_name_that_is_of_another_object_or_task_is_refused(product):
    digest.using(name="weekly").repeat(MONDAYS, product)
    with pytest.raises(ValueError, match="another name="):
        digest.using(name="weekly").repeat(MONDAYS, Product.objects.create(name="chair"))
    with pytest.raises(ValueError, match="another name="):
        unique.using(name="weekly").repeat(MONDAYS, product)


def test_without_an_object_it_is_refused():
    with pytest.raises(TypeError, match="obj"):
        digest.repeat(MONDAYS)
    with pytest.raises(TypeError, match="must be a model instance"):
        digest.repeat(MONDAYS, None)
    with pytest.raises(ValueError, match="never saved"):
        digest.repeat(MONDAYS, Product())
    with pytest.raises(TypeError, match="each"):
        digest.repeat(MONDAYS, Product.objects.all())
    assert not Schedule.objects.exists()


def test_what_no_row_could_be_made_of_is_refused(product):
    with pytest.raises(TypeError, match="unexpected keyword"):
        digest.repeat(MONDAYS, product, colour="red")
    with pytest.raises(TypeError, match="Product"):
        digest.repeat(MONDAYS, get_user_model().objects.create(username="ada"))
    with pytest.raises(ValueError, match="format"):
        digest.repeat(MONDAYS, product, format=object())
    with pytest.raises(TypeError, match="crontab"):
        digest.repeat("0 8 * * *", product)
    assert not Schedule.objects.exists()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"time_zone": "Mars/Olympus"}, ValueError),
        ({"time_zone": 1}, TypeError),
        ({"missed": "twice"}, ValueError),
        ({"name": ""}, ValueError),
        ({"name": 1}, TypeError),
        ({"name": "x" * 256}, ValueError),
        ({"expires": NOW}, TypeError),
    ],
)
def test_options_that_no_schedule_can_have_are_refused(product, options, error):
    with pytest.raises(error):
        digest.using(**options).repeat(MONDAYS, product)


def test_options_of_schedules_are_of_no_other_verb(product):
    with pytest.raises(TypeError, match="repeat"):
        digest.using(time_zone="UTC").delayed(product)
    with pytest.raises(TypeError, match="repeat"):
        digest.using(name="weekly").each([product])


def test_in_an_event_loop_it_is_awaited(product):
    async def both():
        with pytest.raises(SynchronousOnlyOperation, match="arepeat"):
            digest.repeat(MONDAYS, product)
        made = await digest.arepeat(MONDAYS, product)
        with pytest.raises(SynchronousOnlyOperation, match="apause"):
            made.pause()
        return made, await made.apause(), await made.aresume(), await made.arun_now()

    made, *moved, row = async_to_sync(both)()
    assert made == Schedule.objects.get()
    assert moved == [True, True]
    assert row.object == product


# --- slots ------------------------------------------------------------------------------


def test_a_slot_makes_one_row_at_its_time(product, keep):
    with freeze(NOW):
        made = digest.repeat(timedelta(hours=1), product, "pdf")
        keep()
        assert not Task.objects.exists()
    with freeze(NOW + timedelta(hours=1, seconds=1)):
        keep()
        keep()
        row = digest.tasks(product).get()
    made.refresh_from_db()
    assert row.is_queued
    assert row.args == ["pdf"]
    assert made.last_run == NOW + timedelta(hours=1, seconds=1)
    assert made.next_run == NOW + timedelta(hours=2)
    assert run_tasks()["finished"] == 1


def test_missed_slots_are_made_up_for_once(product, keep):
    with freeze(NOW):
        made = digest.repeat(timedelta(hours=1), product)
    with freeze(NOW + timedelta(hours=5, minutes=20)):
        keep()
    assert digest.tasks(product).count() == 1
    made.refresh_from_db()
    assert made.next_run == NOW + timedelta(hours=6)


@pytest.mark.parametrize("when", [timedelta(hours=1), crontab(), crontab(minute=0)])
def test_missed_slots_are_skipped_if_that_was_asked_for(product, keep, when):
    with freeze(NOW):
        made = digest.using(missed="skip").repeat(when, product)
    with freeze(NOW + timedelta(hours=5, minutes=20)):
        keep()
    assert not Task.objects.exists()
    made.refresh_from_db()
    assert made.last_run is None
    with freeze(made.next_run + timedelta(seconds=2)):
        keep()
    assert digest.tasks(product).count() == 1


def test_the_next_run_may_be_set(product, keep):
    with freeze(NOW):
        made = digest.repeat(timedelta(hours=1), product)
        made.next_run = NOW + timedelta(minutes=10)
        made.save()
    with freeze(NOW + timedelta(minutes=10)):
        keep()
    assert digest.tasks(product).count() == 1
    made.refresh_from_db()
    assert made.next_run == NOW + timedelta(minutes=70)


def test_a_stale_instance_does_not_have_a_slot_made_again(product, keep):
    with freeze(NOW):
        made = digest.repeat(timedelta(hours=1), product)
    stale = Schedule.objects.get()
    with freeze(NOW + timedelta(hours=1)):
        keep()
        stale.missed = "skip"
        stale.save()
        made.save()
        keep()
    assert digest.tasks(product).count() == 1
    assert Schedule.objects.get().missed == "skip"


def test_other_options_and_who_asked_go_to_each_row(product, keep):
    ada = get_user_model().objects.create(username="ada")
    asked = digest.using(queue="slow", priority=7, expires=timedelta(minutes=5), requested_by=ada)
    with freeze(NOW):
        made = asked.repeat(timedelta(hours=1), product)
    with freeze(NOW + timedelta(hours=1)):
        keep()
    row = digest.tasks(product).get()
    assert (row.queue, row.priority, row.requested_by) == ("slow", 7, ada)
    assert row.expires == NOW + timedelta(hours=1, minutes=5)
    assert made.requested_by == ada


def test_a_unique_task_has_one_row_that_waits(product, keep):
    with freeze(NOW):
        unique.repeat(timedelta(hours=1), product)
    for hours in (1, 2):
        with freeze(NOW + timedelta(hours=hours)):
            keep()
    assert unique.tasks(product).count() == 1


def test_a_limited_task_is_in_its_lines(product, keep):
    with freeze(NOW):
        limited.repeat(timedelta(hours=1), product)
    for hours in (1, 2):
        with freeze(NOW + timedelta(hours=hours)):
            keep()
    assert limited.tasks(product).exclude(held_by="").count() == 2


def test_a_held_task_has_rows_that_wait(product, keep):
    digest.hold(reason="stock-taking")
    with freeze(NOW):
        digest.repeat(timedelta(hours=1), product)
    with freeze(NOW + timedelta(hours=1)):
        keep()
    assert digest.tasks(product).queued().count() == 1


def test_instances_among_the_arguments_travel(product, keep):
    other = Product.objects.create(name="chair")
    made = digest.repeat(timedelta(hours=1), product, since=other)
    assert Schedule.objects.get().get_arguments() == ([], {"since": other})
    with travel(timedelta(hours=1, seconds=5)):
        keep()
    assert digest.tasks(product).get().get_arguments() == ([], {"since": other})
    assert digest.repeat(timedelta(hours=1), product, since=other) == made


def test_what_is_encrypted_in_rows_is_so_in_their_schedule(product, keep, settings, monkeypatch):
    settings.BOOGIE_TASKS = {
        **settings.BOOGIE_TASKS,
        "ENCRYPTION_KEYS": [Fernet.generate_key().decode()],
    }
    secret = declared(lambda product, code: None)
    monkeypatch.setattr(type(secret), "encrypt", True)
    made = secret.repeat(timedelta(hours=1), product, "4711")
    assert secret.repeat(timedelta(hours=1), product, "4711") == made
    assert not Schedule.objects.filter(args__icontains="4711").exists()
    with travel(timedelta(hours=1, seconds=5)):
        keep()
    assert secret.tasks(product).get().args == ["4711"]


# --- verbs ------------------------------------------------------------------------------


def test_a_paused_one_makes_nothing_and_what_passed_is_not_made_up_for(product, keep):
    with freeze(NOW):
        made = digest.repeat(timedelta(hours=1), product)
        assert made.pause()
        assert not made.pause()
    assert not made.enabled
    with freeze(NOW + timedelta(hours=5, minutes=1)):
        keep()
        assert made.resume()
        assert not made.resume()
        keep()
        assert not Task.objects.exists()
    assert made.next_run == NOW + timedelta(hours=6)
    with freeze(NOW + timedelta(hours=6)):
        keep()
    assert digest.tasks(product).count() == 1


def test_a_pause_between_two_slots_changes_nothing(product):
    with freeze(NOW):
        made = digest.repeat(timedelta(hours=1), product)
        made.pause()
        made.resume()
    assert made.next_run == NOW + timedelta(hours=1)


def test_run_now_makes_a_row_besides_those_of_slots(product):
    with freeze(NOW):
        made = digest.repeat(timedelta(hours=1), product, "pdf")
        row = made.run_now()
        made.pause()
        made.run_now()
    assert row.args == ["pdf"]
    assert digest.tasks(product).count() == 2
    assert made.next_run == NOW + timedelta(hours=1)
    assert made.last_run == NOW


def test_a_deleted_one_makes_nothing(product, keep):
    made = digest.repeat(timedelta(hours=1), product)
    made.delete()
    with travel(timedelta(hours=2)):
        keep()
    assert not Task.objects.exists()


def test_next_after_is_strictly_after(product):
    made = digest.using(time_zone="Europe/Berlin").repeat(crontab(minute=0, hour=3), product)
    slot = datetime(2026, 7, 1, 1, tzinfo=UTC)
    assert made.next_after(slot - timedelta(microseconds=1)) == slot
    assert made.next_after(slot) == slot + timedelta(days=1)
    with pytest.raises(ValueError, match="aware"):
        made.next_after(datetime(2026, 7, 1))


# --- what is gone -----------------------------------------------------------------------


def test_an_object_that_is_gone_is_told_and_costs_one_look_for_each_slot(
    product, keep, django_assert_num_queries
):
    with freeze(NOW):
        made = digest.repeat(timedelta(hours=1), product)
        product.delete()
    with freeze(NOW + timedelta(hours=1)):
        keep()
        with django_assert_num_queries(2):
            keep()
    made.refresh_from_db()
    assert "DoesNotExist" in made.error
    assert made.next_run == NOW + timedelta(hours=2)
    assert not Task.objects.exists()


def test_a_task_that_is_gone_does_nothing(product, keep):
    made = digest.repeat(timedelta(hours=1), product)
    Schedule.objects.update(task="blog.tasks.gone")
    with travel(timedelta(hours=2)):
        keep()
    made.refresh_from_db()
    assert made.is_gone
    assert not Task.objects.exists()
    with pytest.raises(UnknownTask, match="no task is registered"):
        made.run_now()


def test_what_can_not_be_made_is_tried_again_later_and_holds_up_nobody(product, keep):
    other = Product.objects.create(name="chair")
    with freeze(NOW):
        bad = digest.repeat(timedelta(hours=1), product)
        digest.repeat(timedelta(hours=1), other)
    Schedule.objects.filter(pk=bad.pk).update(kwargs={"colour": "red"})
    with freeze(NOW + timedelta(hours=1)):
        keep()
    bad.refresh_from_db()
    assert "colour" in bad.error
    assert digest.tasks(other).count() == 1
    Schedule.objects.filter(pk=bad.pk).update(kwargs={})
    with freeze(NOW + timedelta(hours=1, seconds=30)):
        keep()
    assert not digest.tasks(product).exists()
    with freeze(NOW + timedelta(hours=1, seconds=61)):
        keep()
    assert digest.tasks(product).count() == 1
    bad.refresh_from_db()
    assert bad.error == ""
