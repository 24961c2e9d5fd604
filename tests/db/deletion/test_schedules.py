"""Schedules about objects that are deleted, or are to be erased."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import transaction

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Batch, Schedule
from boogie.apps.tasks.scheduling import timetable
from tests.project.blog.models import User
from tests.project.press.models import Page, Review
from tests.project.shop.models import Order, Product
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(databases=["default", "other"])

HOUR = timedelta(hours=1)
SECRET = "anna@example.org"


@declared(name="db.deletion.schedules.keep")
def keep(obj, word=""):
    return "ran"


@declared(name="db.deletion.schedules.cancel", label="Go along", on_delete="cancel")
def cancel(obj: Product | Order | User | Page, word=""):
    return "ran"


@declared(name="db.deletion.schedules.cascade", on_delete="cascade")
def cascade(obj: Product | Order | User | Page, word=""):
    return "ran"


@pytest.fixture
def product():
    return Product.objects.create(name="a")


def make_due(*schedules):
    Schedule.objects.filter(pk__in=[one.pk for one in schedules]).update(next_run=Moment(-1.0))
    timetable.make()


# --- deletion ---------------------------------------------------------------------------


def test_a_schedule_is_paused_and_says_why(product):
    other = cancel.repeat(HOUR, Product.objects.create(name="b"))
    mine = cancel.repeat(HOUR, product)

    product.delete()
    make_due(mine, other)

    mine.refresh_from_db()
    other.refresh_from_db()
    assert (mine.enabled, mine.error) == (False, "ObjectGone: the object has been deleted")
    assert (other.enabled, other.error) == (True, "")
    assert Task.objects.count() == 1


def test_a_schedule_goes_along(product):
    other = cascade.repeat(HOUR, Product.objects.create(name="b"))
    cascade.repeat(HOUR, product)
    kept = keep.repeat(HOUR, product)

    product.delete()

    assert set(Schedule.objects.all()) == {other, kept}


def test_a_deletion_that_is_undone_leaves_schedules(product):
    one, two = cancel.repeat(HOUR, product), cascade.repeat(HOUR, product)

    with transaction.atomic():
        product.delete()
        transaction.set_rollback(True)

    assert list(Schedule.objects.enabled().order_by("pk")) == [one, two]


def test_without_a_policy_it_goes_on_and_says_what_is_wrong(product):
    one = keep.repeat(HOUR, product)
    product.delete()

    make_due(one)

    one.refresh_from_db()
    assert one.enabled
    assert one.error.startswith("DoesNotExist: Product")
    assert Schedule.objects.to_worry_about(60.0).get() == one
    assert not Task.objects.exists()


def test_schedules_of_every_class_of_the_object_are_met():
    review = Review.objects.create(title="a")
    page = Page.objects.get(pk=review.pk)
    cascade.repeat(HOUR, review), cascade.repeat(HOUR, page)

    page.delete()

    assert not Schedule.objects.exists()


def test_objects_of_another_database_have_their_own(django_capture_on_commit_callbacks):
    here = Order.objects.create()
    there = Order.objects.using("other").create(pk=here.pk)
    kept = cascade.repeat(HOUR, here)
    cascade.repeat(HOUR, there)

    with django_capture_on_commit_callbacks(using="other", execute=True):
        there.delete()

    assert Schedule.objects.get() == kept


# --- erasure ----------------------------------------------------------------------------


def test_a_request_for_erasure_deletes_the_schedules_about_the_object(product):
    other = keep.repeat(HOUR, Product.objects.create(name="b"), SECRET)
    keep.repeat(HOUR, product, SECRET)

    assert product.tasks.erase() == 0

    assert Schedule.objects.get() == other


def test_one_for_some_rows_does_not(product):
    one = keep.repeat(HOUR, product, SECRET)

    assert product.tasks.failed().erase() == 0

    assert Schedule.objects.get() == one


def test_the_command_does_so_too(product):
    keep.delayed(product, SECRET), keep.repeat(HOUR, product, SECRET)

    call_command("boogie_tasks", "erase", "--object", f"shop.product:{product.pk}", "--yes")

    assert not Schedule.objects.exists()


def test_who_asked_for_schedules_and_batches_is_forgotten(product):
    anna, bert = (User.objects.create_user(name) for name in ("anna", "bert"))
    for user in (anna, bert):
        keep.using(requested_by=user, name=user.username).repeat(HOUR, product)
        Batch.objects.create(requested_by_id=str(user.pk), requested_by_name=user.username)

    anna.tasks.erase()

    for model in (Schedule, Batch):
        assert sorted(model.objects.values_list("requested_by_name", flat=True)) == ["", "bert"]


# --- users of another database ------------------------------------------------------------


def test_a_user_of_another_database_with_the_same_key_is_somebody_else(product):
    anna = User.objects.create_user("anna")
    twin = User(pk=anna.pk, username="twin")
    twin.save(using="other")
    row = keep.using(requested_by=anna).delayed(product)
    about = keep.using(requested_by=anna).delayed(twin)

    assert Task.objects.for_object(twin).erase() == 1

    for one in (row, about):
        one.refresh_from_db()
        assert one.requested_by_name == "anna"

    assert Task.objects.for_object(anna).erase() == 0
    row.refresh_from_db()
    assert row.requested_by_name == ""
