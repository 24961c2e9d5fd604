"""Batches in one process: who is of one, when it ends, and who is called."""

import threading

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connection, transaction
from django.utils import timezone

from boogie.apps.tasks import Batch, NeverEnds, Task, TaskCancelled, TaskFailed, batch, batches
from boogie.apps.tasks.batching import watch
from boogie.apps.tasks.execution import start
from boogie.apps.tasks.keeper import purge
from boogie.apps.tasks.lifecycle.batched import members, telling
from boogie.apps.tasks.testing import run_tasks
from tests.project.blog.models import User
from tests.project.shop.models import Order, Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)

called = []
clean = declared(lambda product: None)
breaks = declared(lambda product: 1 / product.stock)


@declared
def report(product, done):
    called.append(("success", product, done))


@declared
def warn(product, done):
    called.append(("failure", product, done))


@declared
def archive(product, done):
    called.append(("end", product, done))


@declared
def close(done):
    called.append(("closed", done))


ALL = {"on_success": report, "on_failure": warn, "on_end": archive}


@pytest.fixture(autouse=True)
def _nothing_was_called():
    called.clear()


@pytest.fixture
def pen():
    return Product.objects.create(name="pen", stock=0)


def made(task):
    return task.tasks().count()


def fresh(month_end):
    return Batch.objects.get(pk=month_end.pk)


def everything_made():
    return [made(task) for task in (report, warn, archive)]


# --- who is of it ---------------------------------------------------------------------


def test_rows_that_are_made_in_the_block_are_of_the_batch(pen):
    before = clean.delayed(pen)
    with batch(pen, title="Month end") as month_end:
        rows = [clean.delayed(pen), clean.paused(pen), clean.schedule(60, pen)]
        rows += clean.each([pen, pen])
        clean.call(pen)
    after = clean.delayed(pen)
    assert set(month_end.rows) == {*rows, *clean.finished()}
    assert {before.batch_id, after.batch_id} == {None}
    assert month_end.title == "Month end"
    assert month_end.object == pen
    assert month_end.status == "running"
    assert month_end.created <= timezone.now()
    assert month_end.ended is None


def test_the_batch_and_its_rows_are_one_transaction(pen):
    def breaks_off():
        with batch(pen):
            clean.delayed(pen)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks_off()
    assert not Task.objects.exists()
    assert not Batch.objects.exists()
    assert clean.delayed(pen).batch_id is None


def test_blocks_within_each_other_have_their_own_rows(pen):
    with batch(title="outer") as outer:
        first = clean.delayed(pen)
        with batch(title="inner") as inner:
            second = clean.delayed(pen)
        third = clean.delayed(pen)
    assert set(outer.rows) == {first, third}
    assert set(inner.rows) == {second}


def test_other_threads_make_rows_of_their_own(pen):
    if connection.vendor == "sqlite":
        pytest.skip("who writes in a transaction holds up all others")
    with batch() as month_end:
        clean.delayed(pen)
        other = threading.Thread(target=lambda: [clean.delayed(pen), connection.close()])
        other.start()
        other.join()
    assert month_end.rows.count() == 1
    assert made(clean) == 2


def test_an_event_loop_has_the_block_in_a_function(pen):
    def in_a_function():
        with batch(pen) as found:
            clean.delayed(pen)
        return found

    async def loop():
        with pytest.raises(SynchronousOnlyOperation, match="sync_to_async"):
            batch(pen).__enter__()
        found = await sync_to_async(in_a_function)()
        assert (await found.acounts())["queued"] == 1
        assert await found.acancel() == 1
        assert await found.aretry() == 0
        with pytest.raises(TaskCancelled):
            await found.await_end(5)

    async_to_sync(loop)()


def test_using_adds_a_row_by_name(pen):
    with batch(pen) as month_end:
        first = clean.delayed(pen)
    rows = [clean.using(batch=month_end).delayed(pen), *clean.using(batch=month_end).each([pen])]
    clean.using(batch=month_end).call(pen)
    with batch() as other:
        rows.append(clean.using(batch=month_end, priority=3).paused(pen))
    assert set(month_end.rows) == {first, *rows, *clean.finished()}
    assert other.status == "finished"


def test_a_body_adds_rows_to_its_batch_by_name(pen):
    @declared(bind=True)
    def more(self, product):
        mine = Batch.objects.get(pk=self.row.batch_id)
        clean.using(batch=mine).delayed(product)
        clean.delayed(product)

    with batch(pen, on_success=report) as month_end:
        row = more.delayed(pen)
    work(row)
    assert month_end.rows.count() == 2
    assert made(report) == 0
    work(clean.tasks().get(batch_id=month_end.pk))
    assert made(report) == 1


@pytest.mark.parametrize("wrong", [5, "x", Product])
def test_what_is_no_batch_is_refused_at_once(wrong):
    with pytest.raises(TypeError, match="batch must be a Batch"):
        clean.using(batch=wrong)


def test_nothing_joins_a_batch_that_has_ended(pen):
    with batch(pen) as month_end:
        pass
    for verb in (clean.using(batch=month_end).delayed, clean.using(batch=month_end).call):
        with pytest.raises(ValueError, match="has ended"):
            verb(pen)
    with pytest.raises(ValueError, match="has ended"):
        clean.using(batch=month_end).each([pen])
    assert not clean.tasks().exists()
    with pytest.raises(ValueError, match="not stored"):
        clean.using(batch=Batch())


def test_who_asks_for_a_batch_asks_for_what_it_calls(pen):
    user = User.objects.create(username="ann")
    from boogie.apps.tasks.enqueue.origin import Origin, coming_from

    with coming_from(Origin(user=user)), batch(pen, on_end=archive) as month_end:
        row = clean.delayed(pen)
    assert row.requested_by == month_end.requested_by == user
    work(row)
    assert archive.tasks().get().requested_by == user


# --- its end --------------------------------------------------------------------------


def test_success_is_called_once_when_all_have_finished(pen):
    with batch(pen, "Month end", **ALL) as month_end:
        rows = [clean.delayed(pen) for _ in range(3)]
    for row in rows:
        assert everything_made() == [0, 0, 0]
        work(row)
    assert everything_made() == [1, 0, 1]
    found = fresh(month_end)
    assert found.status == "finished"
    assert found.ended >= found.created
    assert set(found.rows) == set(rows)
    run_tasks()
    assert called == [("success", pen, month_end), ("end", pen, month_end)]
    assert isinstance(called[0][2], Batch)
    assert found.wait(0) == month_end


def test_without_an_object_the_batch_itself_is_the_object():
    with batch(on_success=close) as empty:
        pass
    run_tasks()
    assert called == [("closed", empty)]
    assert empty.object is None


def test_an_empty_batch_succeeds_at_once(pen):
    with batch(pen, **ALL) as empty:
        assert empty.status == "running"
    assert empty.status == "finished"
    assert empty.ended is not None
    assert everything_made() == [1, 0, 1]
    assert empty.progress.fraction == 1.0


def test_what_has_ended_in_the_block_is_seen_at_its_end(pen):
    with batch(pen, **ALL) as month_end:
        clean.call(pen)
        assert everything_made() == [0, 0, 0]
        clean.call(pen)
    assert month_end.status == "finished"
    assert everything_made() == [1, 0, 1]


def test_a_batch_does_not_end_while_its_block_goes_on(pen):
    with batch(pen, **ALL) as month_end:
        clean.call(pen)
        assert fresh(month_end).status == "running"
        assert everything_made() == [0, 0, 0]
        row = clean.delayed(pen)
    assert fresh(month_end).status == "running"
    assert everything_made() == [0, 0, 0]
    work(row)
    assert fresh(month_end).status == "finished"
    assert everything_made() == [1, 0, 1]


def test_who_has_failed_in_the_block_is_called_for_at_its_end(pen):
    with batch(pen, **ALL):
        with pytest.raises(ZeroDivisionError):
            breaks.call(pen)
        assert everything_made() == [0, 0, 0]
        clean.delayed(pen)
    assert everything_made() == [0, 1, 0]


def test_who_is_called_for_at_the_end_of_the_block_is_called_in_its_transaction(pen):
    with transaction.atomic():
        with batch(pen, **ALL):
            with pytest.raises(ZeroDivisionError):
                breaks.call(pen)
            clean.delayed(pen)
        assert everything_made() == [0, 1, 0]


def test_failure_is_called_at_the_first_that_fails_for_good(pen):
    retried = declared(
        lambda product: 1 / product.stock, autoretry_for=[ZeroDivisionError], max_retries=1
    )
    with batch(pen, **ALL) as month_end:
        row, other, last = retried.delayed(pen), breaks.delayed(pen), clean.delayed(pen)
    assert work(row).is_queued
    assert everything_made() == [0, 0, 0]
    Task.objects.filter(pk=row.pk).update(not_before=None)
    assert work(row).is_failed
    assert everything_made() == [0, 1, 0]
    work(other)
    assert everything_made() == [0, 1, 0]
    assert fresh(month_end).status == "running"
    work(last)
    assert everything_made() == [0, 1, 1]
    assert fresh(month_end).status == "failed"
    with pytest.raises(TaskFailed, match="ZeroDivisionError"):
        month_end.wait(0)


def test_a_retry_by_hand_opens_it_again_and_success_can_still_come(pen):
    with batch(pen, **ALL) as month_end:
        row = breaks.delayed(pen)
        clean.call(pen)
    work(row)
    assert fresh(month_end).status == "failed"
    assert row.retry()
    found = fresh(month_end)
    assert (found.status, found.ended) == ("running", None)
    work(row)
    assert fresh(month_end).status == "failed"
    assert everything_made() == [0, 1, 1]
    Product.objects.update(stock=1)
    assert found.retry() == 1
    assert found.status == "running"
    work(row)
    assert fresh(month_end).status == "finished"
    assert everything_made() == [1, 1, 1]


@pytest.mark.parametrize(
    "end",
    [
        lambda row: row.cancel(),
        lambda row: Task.objects.filter(pk=row.pk).cancel(),
        lambda row: Task.objects.filter(pk=row.pk).clean(finished=False),
        lambda row: Task.objects.get(pk=row.pk).delete(),
        lambda row: Task.objects.filter(pk=row.pk).delete(),
    ],
    ids=["cancel", "cancel rows", "clean", "delete", "delete rows"],
)
def test_a_cancelled_or_deleted_row_hinders_success_and_not_the_end(pen, end):
    with batch(pen, **ALL) as month_end:
        row, other = clean.delayed(pen), clean.delayed(pen)
    end(row)
    work(other)
    found = fresh(month_end)
    assert found.status == "cancelled"
    assert everything_made() == [0, 0, 1]
    assert found.counts()["cancelled"] == 1
    assert found.progress.total == found.progress.done == 2
    with pytest.raises(TaskCancelled):
        found.wait(0)


def test_the_last_row_may_be_the_one_that_goes(pen):
    with batch(pen, on_end=archive) as month_end:
        row, other = clean.delayed(pen), clean.delayed(pen)
    work(other)
    assert clean.clean(finished=False) == 2
    assert not Task.objects.filter(pk=row.pk).exists()
    assert fresh(month_end).status == "cancelled"
    assert made(archive) == 1


def test_finished_rows_that_are_purged_count_as_finished(pen):
    with batch(pen, on_success=report) as month_end:
        row, other = clean.delayed(pen), clean.delayed(pen)
    work(row)
    clean.clean()
    assert fresh(month_end).counts()["finished"] == 1
    work(other)
    assert fresh(month_end).status == "finished"
    assert made(report) == 1


@pytest.mark.parametrize("clean_up", [breaks.clean, lambda: purge.purge()], ids=["clean", "purge"])
def test_a_batch_that_has_failed_stays_so_when_what_has_failed_is_deleted(pen, settings, clean_up):
    with batch(pen, **ALL) as month_end:
        rows = [breaks.delayed(pen), clean.delayed(pen)]
    for row in rows:
        work(row)
    ended = fresh(month_end).ended
    settings.BOOGIE_TASKS = {**settings.BOOGIE_TASKS, "RETENTION": {"failed": 0}}
    assert clean_up() == 1
    watch.Watch().look()
    found = fresh(month_end)
    assert (found.status, found.ended) == ("failed", ended)
    assert everything_made() == [0, 1, 1]
    with pytest.raises(TaskFailed):
        found.wait(0)


def test_what_expires_ends_it(pen):
    with batch(pen, on_end=archive) as month_end:
        clean.using(expires=timezone.now()).delayed(pen)
    run_tasks(clean)
    assert fresh(month_end).status == "cancelled"
    assert made(archive) == 1


def test_what_is_given_up_ends_it(pen):
    first = clean.delayed(pen)
    with batch(pen, on_end=archive) as month_end:
        clean.using(after=first).delayed(pen)
    first.cancel()
    assert fresh(month_end).status == "cancelled"
    assert made(archive) == 1


def test_a_chain_within_a_batch_runs_to_its_end(pen):
    with batch(pen, **ALL) as month_end:
        first = clean.delayed(pen)
        clean.using(after=first).each([pen, pen])
    run_tasks(clean)
    assert fresh(month_end).status == "finished"


def test_cancel_and_retry_of_a_batch_are_those_of_its_rows(pen):
    with batch(pen) as month_end:
        row = breaks.delayed(pen)
        clean.each([pen, pen])
        clean.paused(pen)
    outside = clean.delayed(pen)
    work(row)
    assert month_end.cancel() == 3
    assert month_end.status == "failed"
    assert month_end.counts() == {
        **dict.fromkeys([str(one) for one, _ in Task.STATUS], 0),
        "failed": 1,
        "cancelled": 3,
    }
    assert month_end.retry() == 1
    assert month_end.status == "running"
    outside.refresh_from_db()
    assert outside.is_queued


def test_progress_says_how_many_have_ended(pen):
    with batch(pen) as month_end:
        rows = [clean.delayed(pen) for _ in range(4)]
    assert (month_end.progress.done, month_end.progress.total) == (0, 4)
    work(rows[0])
    rows[1].cancel()
    progress = month_end.progress
    assert (progress.done, progress.total, progress.fraction) == (2, 4, 0.5)


def test_a_callback_whose_object_is_gone_fails_and_the_batch_has_ended(pen):
    order = Order.objects.create()
    with batch(order, on_end=archive) as month_end:
        row = clean.delayed(pen)
    order.delete()
    work(row)
    assert fresh(month_end).status == "finished"
    run_tasks()
    assert archive.tasks().get().errors[-1]["type"].endswith("ObjectGone")


def test_wait_says_when_time_is_over_and_what_would_never_end(pen):
    with batch(pen) as month_end:
        clean.delayed(pen)
    with pytest.raises(TimeoutError, match="has not ended"):
        month_end.wait(0)
    if connection.vendor == "sqlite":
        with transaction.atomic(), pytest.raises(NeverEnds, match="never end"):
            month_end.wait(1)


# --- refusals -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"on_success": lambda: None}, TypeError),
        ({"on_end": "text"}, TypeError),
        ({"on_success": clean}, TypeError),
        ({"title": 5}, ValueError),
        ({"title": "x" * 256}, ValueError),
    ],
)
def test_what_cannot_be_called_is_refused_before_there_is_a_batch(pen, options, error):
    with pytest.raises(error):
        batch(pen, **options)
    with pytest.raises(TypeError):
        batch("no object")
    with pytest.raises(ValueError, match="never saved"):
        batch(Product())
    assert not Batch.objects.exists()


def test_the_door_has_both():
    assert batches.batch is batch
    assert batches.Batch is Batch
    with pytest.raises(AttributeError):
        batches.batsh  # noqa: B018


# --- what nobody has seen -------------------------------------------------------------


@pytest.fixture
def untold(monkeypatch):
    """Nobody tells of rows that end: as if all were killed just before."""
    monkeypatch.setattr(telling, "_send", lambda *args: None)


def test_a_keeper_finds_the_end_that_nobody_has_seen(pen, untold):
    with batch(pen, **ALL) as month_end:
        row, other = clean.delayed(pen), breaks.delayed(pen)
    work(row)
    work(other)
    assert fresh(month_end).status == "running"
    watch.Watch().look()
    assert fresh(month_end).status == "failed"
    assert everything_made() == [0, 1, 1]
    watch.Watch().look()
    assert everything_made() == [0, 1, 1]


def test_a_keeper_calls_for_a_failure_that_nobody_has_seen(pen, untold):
    with batch(pen, **ALL):
        row, _ = breaks.delayed(pen), clean.delayed(pen)
    work(row)
    watch.Watch().look()
    assert everything_made() == [0, 1, 0]


def test_a_row_that_was_queued_again_unseen_corrects_what_was_said(pen, monkeypatch):
    with batch(pen, **ALL) as month_end:
        row = breaks.delayed(pen)
    work(row)
    monkeypatch.setattr(members, "reopen", lambda *args: None)
    row.retry()
    Product.objects.update(stock=1)
    assert fresh(month_end).status == "failed"
    work(row)
    assert fresh(month_end).status == "finished"
    assert everything_made() == [1, 1, 1]


def test_old_batches_go_when_their_rows_have_gone(pen, settings):
    with batch(pen) as month_end:
        work(clean.delayed(pen))
    with batch(pen) as running:
        clean.delayed(pen)
    settings.BOOGIE_TASKS = {**settings.BOOGIE_TASKS, "RETENTION": {"finished": 0}}
    watch.Watch().look()
    assert Batch.objects.count() == 2
    purge.purge()
    watch.Watch().look()
    assert list(Batch.objects.all()) == [running]
    assert month_end != running


def test_rows_of_a_batch_that_is_gone_run_as_others(pen):
    with batch(pen):
        row = clean.delayed(pen)
    Batch.objects.all().delete()
    assert work(row).is_finished
    watch.Watch().look()


def test_a_running_row_is_of_the_batch_to_its_end(pen):
    with batch(pen, on_end=archive) as month_end:
        row = clean.delayed(pen)
    assert start.claim(str(row.pk), row.name)
    assert fresh(month_end).status == "running"
    row.refresh_from_db()
    row.cancel()
    assert fresh(month_end).status == "cancelled"
