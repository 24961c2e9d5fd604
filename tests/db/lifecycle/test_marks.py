"""What is done to a row without moving it: before its time, and seen that it failed."""

import datetime

import pytest
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.clock import Moment
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default"])

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@pytest.fixture
def failed(product):
    def body(product):
        raise ValueError("no")

    return work(declared(body).delayed(product))


def test_a_row_that_waits_for_its_time_can_start_before_it(product):
    row = declared(lambda product: "done").schedule(HOUR, product)
    assert row.run_now()
    assert row.due <= timezone.now() + HOUR / 60
    assert row.scheduled_for > timezone.now()
    assert work(row).is_finished


@pytest.mark.parametrize("status", ["paused", "running", "finished", "failed", "cancelled"])
def test_only_queued_rows_are_hastened(product, status):
    row = declared(lambda product: "done").schedule(HOUR, product)
    ended = Moment() if status in ("finished", "failed", "cancelled") else None
    Task.objects.filter(pk=row.pk).update(
        status=status, due=None, started=Moment(), attempt=1, ended=ended
    )
    assert not row.run_now()
    assert Task.objects.all().run_now() == 0


def test_what_waits_for_no_time_does_not_move(product):
    assert not declared(lambda product: "done").delayed(product).run_now()


def test_a_failure_that_somebody_has_seen_is_no_longer_open(failed, admin_user):
    assert failed.error_type == "builtins.ValueError"
    assert list(Task.objects.open_failures()) == [failed]
    assert failed.acknowledge(admin_user)
    assert failed.is_failed
    assert failed.acknowledged <= timezone.now()
    assert failed.acknowledged_by == admin_user
    assert not Task.objects.open_failures().exists()
    assert not failed.acknowledge(admin_user), "once is enough"


def test_many_failures_are_acknowledged_in_one_statement(failed, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert Task.objects.all().acknowledge() == 1
    failed.refresh_from_db()
    assert failed.acknowledged is not None
    assert failed.acknowledged_by is None


def test_a_retry_by_hand_makes_it_as_if_it_had_not_failed(failed, admin_user):
    failed.acknowledge(admin_user)
    assert failed.retry()
    assert (failed.error_type, failed.acknowledged, failed.acknowledged_by) == ("", None, None)


def test_who_acknowledged_may_be_gone(failed, admin_user):
    failed.acknowledge(admin_user)
    admin_user.delete()
    assert Task.objects.get().acknowledged_by is None
