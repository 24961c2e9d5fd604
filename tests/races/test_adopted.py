"""A process that froze between its claim and its look at the row adopts nobody else's attempt."""

import pytest
from django.db import connection

from boogie.apps.tasks import Task, TaskCancelled
from boogie.apps.tasks.db import features
from boogie.apps.tasks.execution import errors, inline, start
from boogie.apps.tasks.lifecycle import claim, transitions
from tests.project.shop.models import Product
from tests.races.rivals import Rival
from tests.support.rows import stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(transaction=True)

LOST = errors.entry("builtins.ValueError", "lost", "", 1, "here")


def _rescued_and_claimed_again(key):
    """Take a running row away, and have somebody run it; by a connection of its own."""

    def take():
        row = Task.objects.get(pk=key)
        assert transitions.rescue(Task.objects.all(), row, LOST, 0.0)
        Task.objects.filter(pk=key).update(not_before=None)
        return start.claim_row(str(key), [row.name]).attempt

    rival = Rival(take)
    rival.start()
    return rival.outcome()


class Frozen:
    """A claim that is followed by a freeze in which the row is taken away."""

    def __init__(self, statement):
        self.statement = statement
        self.attempt = None

    def count(self, connection, values):
        number = self.statement.count(connection, values)
        self.attempt = _rescued_and_claimed_again(values["id"])
        return number


@pytest.fixture
def frozen(monkeypatch):
    """The next claim, and the freeze that follows it, in a list."""
    found, read = [], claim._claim_and_read

    def claim_and_read(using, statement, values, reader):
        monkeypatch.setattr(claim, "_claim_and_read", read)
        found.append(Frozen(statement))
        return read(using, found[0], values, reader)

    monkeypatch.setattr(claim, "_claim_and_read", claim_and_read)
    return found


def test_a_claim_reads_what_it_claimed_or_nothing(frozen):
    if features.returns_from_update(connection):
        pytest.skip("a claim is one statement on this database")
    row = stored("queued")
    assert start.claim_row(str(row.pk), [row.name]) is None
    assert frozen[0].attempt == Task.objects.get(pk=row.pk).attempt
    assert Task.objects.get(pk=row.pk).is_running


def test_a_call_that_is_retried_reads_what_it_claimed_or_nothing(monkeypatch):
    calls, taken = [], []
    again = inline._again

    def frozen_before(run):
        taken.append(_rescued_and_claimed_again(run.row.pk))
        return again(run)

    monkeypatch.setattr(inline, "_again", frozen_before)

    @declared(bind=True, max_retries=3)
    def once_more(self, product):
        calls.append(self.row.attempt)
        raise self.retry(countdown=0)

    with pytest.raises(TaskCancelled):
        once_more.call(Product.objects.create(name="pen"))
    assert calls == [1]
    assert Task.objects.get().attempt == taken[0] == 3


def test_the_row_of_a_call_is_never_queued_between_two_attempts(monkeypatch):
    """Somebody else sees it running; a process that dies there leaves nothing to a worker."""
    seen = []
    move = transitions.retry

    def look():
        seen.append(Task.objects.get().status)

    def watched(*args, **options):
        moved = move(*args, **options)
        if connection.vendor != "sqlite":
            rival = Rival(look)
            rival.start()
            rival.outcome()
        return moved

    monkeypatch.setattr(transitions, "retry", watched)

    @declared(bind=True, max_retries=3)
    def twice(self, product):
        if self.row.attempt < 2:
            raise self.retry(countdown=0)

    type(twice).on_retry = lambda self, *args: look()
    type(twice).after_return = lambda self, *args: look()
    twice.call(Product.objects.create(name="pen"))
    assert set(seen[:-1]) == {"running"}
    assert seen[-1] == "finished"


def test_a_call_that_is_left_alone_reads_its_own_attempt():
    @declared(bind=True, max_retries=3)
    def third_time(self, product):
        if self.row.attempt < 3:
            raise self.retry(countdown=0)
        return self.row.attempt

    assert third_time.call(Product.objects.create(name="pen")) == 3
