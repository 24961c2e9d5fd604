"""Who has the next turn at a limit: of rows that come back, or late, or wait at several limits."""

from datetime import timedelta

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from boogie.apps.tasks import Concurrency, LimitReached, Rate, Task, limits
from boogie.apps.tasks.db import features
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.execution import losses, start
from boogie.apps.tasks.limiting import watch
from boogie.apps.tasks.models import Slot
from tests.project.shop.models import Product
from tests.races.rivals import race
from tests.support.runs import declared, work
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

ONE = Concurrency(1, by=lambda product: "one")
ITS_OWN = Concurrency(1, by="object", name="turns: its own")
ALL = Concurrency(1, by=lambda product: "all", name="turns: all")
OF_ITS_KIND = Concurrency(2, by=lambda product: product.name, name="turns: of its kind")


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def ink():
    return Product.objects.create(name="ink")


def under(*limited, **options):
    return declared(lambda product: None, limits=list(limited), **options)


def begin(row):
    return start.claim(str(row.pk), row.name) is not None


def is_awake(row):
    row.refresh_from_db()
    return row.is_queued and row.due is not None


def ends(*rows):
    """Have rows end that run, whose processes tell nobody."""
    ids = [row.pk for row in rows]
    Task.objects.filter(pk__in=ids).running().update(status="cancelled", ended=Moment())


def test_a_process_that_does_not_know_a_task_leaves_its_rows_in_their_line(pen):
    body = under(ONE)
    first, second, third = (body.delayed(pen) for _ in range(3))
    assert begin(first)
    Task.objects.queued().update(name="of.another.project")
    declared_here = limits._of_task.pop(body.name)
    known = limits._known.pop(declared_here[0].identity)
    watch.Watch().look()
    limits._of_task[body.name], limits._known[declared_here[0].identity] = declared_here, known
    assert [is_awake(row) for row in (second, third)] == [False, False]
    assert second.held_by == third.held_by > ""


def test_a_retry_is_the_first_again_though_the_row_has_waited_at_another_limit(pen, ink):
    tries = []

    def run(self, product):
        tries.append(product.name)
        if len(tries) == 1:
            raise self.retry(countdown=0)

    body = declared(run, bind=True, limits=[OF_ITS_KIND, ONE])
    busy = [under(OF_ITS_KIND).delayed(pen) for _ in range(2)]
    assert [begin(row) for row in busy] == [True, True]
    older, younger = body.delayed(pen), body.delayed(ink)
    assert not begin(older)
    ends(*busy)
    watch.Watch().look()
    work(older)
    assert older.retries == 1
    assert not begin(younger)
    wait_until(lambda: work(older).is_finished)
    assert tries == ["pen", "pen"]
    assert work(younger).is_finished


def test_of_two_limits_that_keep_order_both_do(pen, ink):
    body = under(ITS_OWN, ALL)
    first, second, third = (body.delayed(one) for one in (pen, pen, ink))
    assert begin(first)
    assert not begin(second)
    assert not begin(third)
    ends(first)
    assert not begin(third)
    assert work(second).is_finished
    assert work(third).is_finished


def test_who_is_first_stays_so_when_an_older_one_comes_back_before_it(pen, ink):
    body = under(OF_ITS_KIND, ONE)
    oldest, older, younger = body.delayed(pen), body.delayed(pen), body.delayed(ink)
    busy = [under(OF_ITS_KIND).delayed(pen) for _ in range(2)]
    assert [begin(row) for row in busy] == [True, True]
    assert oldest.pause()
    assert not begin(older)
    assert oldest.run()
    assert not begin(oldest)
    ends(busy[0])
    assert work(oldest).is_finished
    busy.append(under(OF_ITS_KIND).delayed(pen))
    assert begin(busy[-1])
    assert not begin(younger)
    ends(*busy)
    assert work(older).is_finished
    assert work(younger).is_finished


def test_rows_that_ripen_together_start_in_the_order_of_their_creation(pen):
    body = under(ONE)
    rows = [body.schedule(0.1, pen) for _ in range(3)]
    wait_until(lambda: Task.objects.filter(not_before__lte=Moment()).count() == 3)
    assert [begin(row) for row in reversed(rows)] == [False, False, True]


def test_a_row_that_was_lost_in_a_bulk_comes_before_those_made_later(pen):
    body = under(ONE)
    rows = [body.delayed(pen) for _ in range(3)]
    Task.objects.queued().pause()
    Task.objects.paused().run()
    assert not begin(rows[2])
    assert not begin(rows[1])
    Task.objects.queued().cancel()
    Task.objects.cancelled().retry()
    assert not begin(rows[2])
    assert begin(rows[0])
    rows[0].refresh_from_db()
    losses.lose(rows[0], "the worker died")
    assert not begin(rows[2])


def test_rows_that_are_late_hold_up_no_line(pen):
    body = under(ONE)
    first, *late, last = (body.delayed(pen) for _ in range(5))
    assert begin(first)
    gone = timezone.now() - timedelta(seconds=1)
    Task.objects.filter(pk__in=[row.pk for row in late]).update(expires=gone)
    ends(first)
    watch.Watch().look()
    assert is_awake(last)
    assert begin(last)


@pytest.fixture
def repeatable(monkeypatch):
    """Transactions that see what there was when they began."""
    if connection.vendor != "mysql":
        pytest.skip("a lock tells of a conflict there, or nobody else writes")
    for options in (connections.settings["default"], connection.settings_dict):
        monkeypatch.setitem(options["OPTIONS"], "isolation_level", "repeatable read")
    connection.close()
    yield
    connection.close()


@pytest.mark.parametrize("n", [1, 2])
def test_a_call_in_an_old_snapshot_learns_of_slots_taken_since(pen, repeatable, n):
    body = under(Concurrency(n, by=lambda product: "snapshot"))
    rows = [body.delayed(pen) for _ in range(n)]
    with transaction.atomic():
        assert features.shows_a_snapshot(connection)
        assert not Slot.objects.exists()
        assert race(*(lambda row=row: begin(row) for row in rows)) == [True] * n
        with pytest.raises(LimitReached):
            body.call(pen)
    assert Slot.objects.count() == n


def test_a_call_in_an_old_snapshot_takes_what_room_there_is(pen, repeatable):
    body = under(Concurrency(2, by=lambda product: "snapshot"))
    row = body.delayed(pen)
    with transaction.atomic():
        assert not Slot.objects.exists()
        assert race(lambda: begin(row)) == [True]
        body.call(pen)


def test_a_rate_in_an_old_snapshot_learns_of_starts_since(pen, repeatable):
    body = under(Rate(1, per=60, by=lambda product: "snapshot"))
    row = body.delayed(pen)
    with transaction.atomic():
        assert not Slot.objects.exists()
        assert race(lambda: begin(row)) == [True]
        with pytest.raises(LimitReached):
            body.call(pen)
