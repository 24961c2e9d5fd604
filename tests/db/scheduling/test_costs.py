"""Schedules that are not due cost a keeper one statement, whose cost does not depend on them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from boogie.apps.tasks import Schedule
from boogie.apps.tasks.scheduling import timetable
from tests.project.shop.models import Product
from tests.support.looking import looked_at
from tests.support.planning import analyze

from .work import digest

pytestmark = pytest.mark.django_db

MANY = 3000
#: Far less than one look at each would be: rows and index entries, on SQLite steps of its machine.
LIMIT = {"postgresql": 100, "mysql": 100, "sqlite": 1500}


@pytest.fixture(scope="module")
def crowd(django_db_setup, django_db_blocker):
    """Commit many schedules that are due in a day, and many that are paused."""
    with django_db_blocker.unblock():
        product = Product.objects.create(name="first")
        first = digest.repeat(timedelta(days=1), product)
        Schedule.objects.all()._raw_delete("default")
        fields = {f.attname: getattr(first, f.attname) for f in Schedule._meta.concrete_fields}
        del fields["id"], fields["name"], fields["created"]
        rows = [
            Schedule(**{**fields, "name": str(n), "enabled": n % 2 == 0, "next_run": due})
            for n in range(2 * MANY)
            for due in [timezone.now() + timedelta(days=1 if n % 2 == 0 else -1)]
        ]
        Schedule.objects.bulk_create(rows, batch_size=500)
        analyze(Schedule)
        yield
        Schedule.objects.all()._raw_delete("default")
        product.delete()


def aside(job, *args):
    raise AssertionError("there is nothing to do")


def entries(look):
    with looked_at() as found:
        look()
    return found[0]


def test_without_schedules_a_look_asks_nothing(django_assert_num_queries):
    looks = timetable.Looks(aside, lambda: True)
    looks.are_told(are_there=False, is_open=False)
    with django_assert_num_queries(0):
        looks.look()


def test_with_many_that_are_not_due_it_asks_once_and_reads_few(crowd, django_assert_num_queries):
    looks = timetable.Looks(aside, lambda: True)
    looks.are_told(are_there=True, is_open=False)
    with django_assert_num_queries(1):
        looks.look()
    assert entries(looks.look) < LIMIT[connection.vendor]


def test_whether_there_are_any_is_told_by_an_index(crowd):
    enabled, begun = timetable.Looks(aside, lambda: True).asked()
    assert entries(enabled.exists) < LIMIT[connection.vendor]
    assert entries(begun.exists) < LIMIT[connection.vendor]
