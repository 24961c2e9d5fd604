"""``self.remaining()``: seconds until the soft limit of a run."""

import pytest

from boogie.apps.tasks.execution.timing import limits
from tests.project.shop.models import Product
from tests.support.runs import declared, now_due, work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """A clock that stands still, unless it is moved."""
    now = [1000.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    yield now
    limits.note_worker(None)


def body(self, product):
    return self.remaining()


plain = declared(body, bind=True)
limited = declared(body, bind=True, soft_time_limit=30)


def test_the_limit_of_a_message_goes_before_the_tasks_and_this_before_the_workers(pen):
    limits.note_worker(60)
    assert work(plain.delayed(pen)).result == 60
    assert work(limited.delayed(pen)).result == 30
    assert work(limited.delayed(pen), timelimit=[20, 10]).result == 10
    assert work(plain.delayed(pen), timelimit=[20, None]).result == 60


def test_without_a_limit_there_is_none(pen):
    assert work(plain.delayed(pen)).result is None
    limits.note_worker(0)
    assert work(plain.delayed(pen)).result is None


def test_time_goes_on_and_ends_with_zero(pen, clock):
    seen = []

    def look(self, product):
        for seconds in (0, 10, 30):
            clock[0] += seconds
            seen.append(self.remaining())

    work(declared(look, bind=True, soft_time_limit=30).delayed(pen))
    assert seen == [30, 20, 0]


def test_every_attempt_has_all_of_it(pen, clock):
    seen = []

    def again(self, product):
        seen.append(self.remaining())
        clock[0] += 25
        if self.row.retries == 0:
            raise self.retry(countdown=0)

    row = declared(again, bind=True, soft_time_limit=30, max_retries=1).delayed(pen)
    work(row)
    work(now_due(row))
    assert seen == [30, 30]


def test_limits_do_not_apply_to_call_nor_to_a_plain_call(pen):
    limits.note_worker(60)
    assert limited.call(pen) is None
    assert limited(pen) is None


def test_a_task_that_is_called_plainly_in_a_body_has_none_of_its_own(pen):
    outer = declared(lambda self, product: [self.remaining(), plain(product)], bind=True)
    limits.note_worker(60)
    assert work(outer.delayed(pen)).result == [60, None]
