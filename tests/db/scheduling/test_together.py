"""Schedules beside what else there is: other names, chains, batches, windows, each other."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db.models import F, Window
from django.db.models.functions import RowNumber

from boogie.apps.tasks import Schedule, Task, batch, recurring, task
from boogie.apps.tasks.monitoring.schedules import wrong
from boogie.apps.tasks.scheduling import making, objects, timetable
from boogie.apps.tasks.testing import freeze
from tests.project.shop.models import Product
from tests.support.runs import declared

from .work import debounced, digest

pytestmark = pytest.mark.django_db

HOURLY = timedelta(hours=1)
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
SLOT = NOW + HOURLY


@pytest.fixture
def product():
    return Product.objects.create(name="lamp")


# --- names ------------------------------------------------------------------------------


@task(name="db.scheduling.together.now", aliases=["db.scheduling.together.then"])
def renamed(product, format="text"):
    """It was called otherwise."""


@pytest.mark.parametrize("name", [None, "weekly"])
def test_a_task_that_was_renamed_goes_on_with_the_schedules_that_it_has(product, keep, name):
    options = {} if name is None else {"name": name}
    with freeze(NOW):
        there = renamed.using(**options).repeat(HOURLY, product, "pdf")
        Schedule.objects.update(task="db.scheduling.together.then")  # as the old code wrote
        again = renamed.using(**options).repeat(HOURLY, product, "pdf")
    assert again.pk == there.pk
    assert Schedule.objects.get().task == renamed.name
    assert "db.scheduling.together.then" in there.name or name
    Schedule.objects.update(task="db.scheduling.together.then")
    with freeze(SLOT):
        keep()
    assert Task.objects.get().name == renamed.name


def test_nobody_finds_out_by_trying_what_an_encrypted_argument_is(
    product, settings, keys, monkeypatch
):
    secret = declared(lambda product, code: None)
    monkeypatch.setattr(type(secret), "encrypt", True)
    first = secret.repeat(HOURLY, product, "4711")
    settings.SECRET_KEY = "another"
    assert secret.repeat(HOURLY, product, "4711").name != first.name
    plain = digest.repeat(HOURLY, product, "4711")
    settings.SECRET_KEY = "a third"
    assert digest.repeat(HOURLY, product, "4711") == plain


@pytest.fixture
def keys(settings):
    from cryptography.fernet import Fernet

    key = Fernet.generate_key().decode()
    settings.BOOGIE_TASKS = {**settings.BOOGIE_TASKS, "ENCRYPTION_KEYS": [key]}


# --- who and where ----------------------------------------------------------------------


def test_a_user_who_is_gone_asks_for_nothing_any_more(product, keep):
    ada = get_user_model().objects.create(username="ada")
    with freeze(NOW):
        digest.using(requested_by=ada).repeat(HOURLY, product)
    ada.delete()
    with freeze(SLOT):
        keep()
        assert wrong() == []
    assert digest.tasks(product).get().requested_by_id == ""


@pytest.mark.django_db(databases=["default", "other"])
def test_objects_of_another_database_are_found_there(small, follow, keep):
    there = [Product.objects.using("other").create(name=str(n)) for n in range(5)]
    recurring(HOURLY, objects=Product.objects.using("other").all)(digest)
    with freeze(NOW):
        follow(digest.name)
        made = digest.repeat(HOURLY, there[0])
        assert made.object_db == "other"
    with freeze(SLOT):
        keep()
        assert wrong() == []
    assert {row.object_db for row in digest.tasks()} == {"other"}
    assert [digest.tasks(one).count() for one in there] == [2, 1, 1, 1, 1]


@pytest.mark.parametrize("missed", ["once", "skip"])
def test_what_passed_in_a_pause_of_days_is_not_made_up_for(product, keep, missed):
    with freeze(NOW):
        made = digest.using(missed=missed).repeat(HOURLY, product)
        made.pause()
    with freeze(NOW + timedelta(days=9, minutes=7)):
        keep()
        made.resume()
        keep()
        assert not Task.objects.exists()
    assert made.next_run == NOW + timedelta(days=9, hours=1)
    with freeze(made.next_run):
        keep()
    assert digest.tasks(product).count() == 1


def test_a_time_that_is_set_while_it_is_paused_stays(product, keep):
    with freeze(NOW):
        made = digest.repeat(HOURLY, product)
        made.pause()
        made.next_run = NOW + timedelta(minutes=5)
        made.save()
        made.resume()
    assert made.enabled
    assert made.next_run == NOW + timedelta(minutes=5)


# --- options of rows --------------------------------------------------------------------


def test_after_and_batch_are_refused_with_what_to_do(product):
    row = digest.delayed(product)
    with batch(product) as month:
        digest.delayed(product)
    with pytest.raises(TypeError, match=r"no after=.*using\(\.\.\.\)\.delayed"):
        digest.using(after=row).repeat(HOURLY, product)
    with pytest.raises(TypeError, match="no batch="):
        digest.using(batch=month).repeat(HOURLY, product)
    assert not Schedule.objects.exists()


def test_after_and_batch_of_none_are_as_if_nothing_was_said(product):
    assert digest.using(after=None, batch=None).repeat(HOURLY, product).enabled


def test_a_schedule_that_is_made_in_a_batch_makes_rows_beside_it(product, keep):
    with freeze(NOW), batch(product) as month:
        digest.repeat(HOURLY, product)
    with freeze(SLOT):
        keep()
    assert digest.tasks(product).count() == 1
    assert not month.rows.exists()


def test_a_debounced_task_waits_from_the_slot_on(product, keep):
    with freeze(NOW):
        debounced.repeat(HOURLY, product)
    with freeze(SLOT):
        keep()
        row = debounced.tasks(product).get()
    assert row.not_before == SLOT + timedelta(seconds=30)


# --- each other -------------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(objects, "PORTION", 2)


def test_what_is_due_does_not_wait_for_the_end_of_a_slot_over_many(product, small, follow):
    Product.objects.bulk_create([Product(name=str(n)) for n in range(9)])
    recurring(HOURLY, objects=Product.objects.all)(digest)
    with freeze(NOW):
        follow(digest.name)
    with freeze(SLOT):
        assert making.take(Schedule.objects.get(), SLOT)
        digest.using(name="mine").repeat(timedelta(minutes=1), product)
    with freeze(SLOT + timedelta(minutes=1)):
        timetable.make(0)
        one, many = Schedule.objects.get(name="mine"), Schedule.objects.get(name=digest.name)
        timetable.make(0)
    assert one.last_run == SLOT + timedelta(minutes=1)
    assert many.slot is not None


def test_many_that_are_due_do_not_hold_up_a_slot_over_many(product, small, follow, monkeypatch):
    monkeypatch.setattr(timetable, "BATCH", 2)
    Product.objects.bulk_create([Product(name=str(n)) for n in range(9)])
    recurring(HOURLY, objects=Product.objects.all)(digest)
    with freeze(NOW):
        follow(digest.name)
        for n in range(8):
            digest.using(name=f"mine {n}").repeat(HOURLY, product)
    with freeze(SLOT):
        assert making.take(Schedule.objects.get(name=digest.name), SLOT)
        assert digest.name in [one.name for one in timetable._next()]


def test_a_slot_that_comes_before_the_last_one_is_made_follows_it(product, small, follow, keep):
    Product.objects.bulk_create([Product(name=str(n)) for n in range(6)])
    recurring(HOURLY, objects=Product.objects.all)(digest)
    with freeze(NOW):
        follow(digest.name)
    with freeze(SLOT):
        timetable.make(0)
    with freeze(SLOT + HOURLY):
        keep()
    assert digest.tasks().count() == 14
    assert digest.tasks(product).count() == 2
    assert Schedule.objects.get().next_run == SLOT + 2 * HOURLY


def test_objects_that_a_window_numbers_are_those_and_no_others(small, follow, keep):
    Product.objects.bulk_create([Product(name=name) for name in "aabbccaabb"])
    number = Window(RowNumber(), partition_by=F("name"), order_by=F("pk").asc())
    recurring(HOURLY, objects=lambda: Product.objects.annotate(number=number).filter(number=1))(
        digest
    )
    with freeze(NOW):
        follow(digest.name)
    with freeze(SLOT):
        keep()
    firsts = {str(Product.objects.filter(name=name).order_by("pk")[0].pk) for name in "abc"}
    assert {row.object_id for row in digest.tasks()} == firsts
    assert digest.tasks().count() == 3
