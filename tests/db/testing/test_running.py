"""``run_tasks()``: what a worker would do, in the test's process and within its transaction."""

import contextlib

import pytest
from asgiref.sync import async_to_sync
from celery.exceptions import Ignore, Reject
from django.contrib.auth import get_user_model
from django.core.exceptions import SynchronousOnlyOperation
from django.db import IntegrityError, connection, connections, transaction
from django.test import override_settings
from django.utils import timezone, translation

from boogie.apps.tasks import (
    BoogieTask,
    Task,
    TaskCancelled,
    check_cancelled,
    progress,
    task_finished,
    task_queued,
    task_retried,
    task_started,
)
from boogie.apps.tasks.enqueue.origin import Origin, coming_from
from boogie.apps.tasks.testing import arun_tasks, freeze, run_tasks
from tests.project.shop.models import Product
from tests.support.rows import stored
from tests.support.runs import declared

BOTH = {"databases": ["default", "other"]}


@pytest.fixture(
    params=[
        pytest.param(0, id="never commits", marks=pytest.mark.django_db(**BOTH)),
        pytest.param(1, id="commits", marks=pytest.mark.django_db(transaction=True, **BOTH)),
    ],
    autouse=True,
)
def _both_kinds_of_tests(request):
    """Each test twice: in a transaction that is never committed, and without one."""
    assert connection.in_atomic_block is not bool(request.param)


@pytest.fixture
def product():
    return Product.objects.create(name="thing")


def counts(finished=0, failed=0, cancelled=0, retried=0):
    return {
        "finished": finished,
        "failed": failed,
        "cancelled": cancelled,
        "retried": retried,
    }


# --- what runs ------------------------------------------------------------------------


def test_queued_rows_run_and_are_settled(product):
    @declared
    def add(product, number):
        return number + 1

    row = add.delayed(product, 2)
    assert run_tasks() == counts(finished=1)
    row.refresh_from_db()
    assert (row.status, row.result, row.attempt) == ("finished", 3, 1)
    assert run_tasks() == counts()


def test_a_body_that_raises_fails_its_row_and_not_the_test(product):
    @declared
    def fail(product):
        raise LookupError("gone")

    row = fail.delayed(product)
    assert run_tasks() == counts(failed=1)
    row.refresh_from_db()
    assert row.error == "LookupError: gone"


def test_the_first_error_is_raised_for_who_asks_for_it(product):
    @declared
    def fail(product, text):
        raise LookupError(text)

    first, second = fail.delayed(product, "one"), fail.delayed(product, "two")
    with pytest.raises(LookupError, match="one"):
        run_tasks(raise_errors=True)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("failed", "queued")


def test_retries_run_at_once_whatever_they_should_wait(product):
    tries = []

    @declared(bind=True, max_retries=3, default_retry_delay=3600)
    def flaky(self, product):
        tries.append(self.request.retries)
        if len(tries) < 3:
            raise self.retry(exc=OSError("not yet"))
        return "at last"

    row = flaky.delayed(product)
    assert run_tasks() == counts(finished=1, retried=2)
    assert tries == [0, 1, 2]
    row.refresh_from_db()
    assert (row.result, row.retries, row.attempt, len(row.errors)) == ("at last", 2, 3, 2)


def test_a_row_that_waits_for_its_time_runs_for_who_asks_for_it(product):
    @declared
    def later(product):
        return 1

    row = later.schedule(3600, product)
    assert run_tasks() == counts()
    assert run_tasks(scheduled=True) == counts(finished=1)
    row.refresh_from_db()
    assert row.is_finished
    assert row.scheduled_for > timezone.now()


def test_rows_that_rows_make_run_too_and_know_where_they_come_from(product):
    user = get_user_model().objects.create(username="ada")

    @declared
    def inner(product):
        return "inner"

    @declared
    def outer(product):
        inner.delayed(product)

    row = outer.using(requested_by=user).delayed(product)
    assert run_tasks() == counts(finished=2)
    made = inner.tasks().get()
    assert (made.status, made.parent_id, made.requested_by) == ("finished", row.pk, user)


def test_what_a_row_makes_has_its_turn_by_its_priority(product):
    ran = []

    @declared(priority=9)
    def urgent(product):
        ran.append("urgent")

    @declared
    def plain(product, name):
        ran.append(name)
        if name == "a":
            urgent.delayed(product)

    for name in "abc":
        plain.delayed(product, name)
    urgent.delayed(product)
    run_tasks()
    assert ran == ["urgent", "a", "urgent", "b", "c"]


def test_only_rows_of_the_tasks_that_are_named_run(product):
    one, other = declared(lambda product: 1), declared(lambda product: 2)
    rows = one.delayed(product), other.delayed(product)
    assert run_tasks(one) == counts(finished=1)
    assert [Task.objects.get(pk=row.pk).status for row in rows] == ["finished", "queued"]
    with pytest.raises(TypeError, match="run_tasks\\(\\) takes tasks, not 'one'"):
        run_tasks("one")


def test_rows_under_a_former_name_run(product):
    new = declared(lambda product: 1, aliases=["tests.former_name"])
    row = new.delayed(product)
    Task.objects.filter(pk=row.pk).update(name="tests.former_name")
    assert run_tasks(new) == counts(finished=1)


def test_paused_rows_and_rows_that_nobody_declares_are_left_alone(product):
    quiet = declared(lambda product: 1)
    paused, unknown = quiet.paused(product), stored("queued", product, name="nobody.declares.it")
    assert run_tasks(scheduled=True) == counts()
    paused.run()
    assert run_tasks() == counts(finished=1)
    unknown.refresh_from_db()
    assert unknown.is_queued


def test_a_row_whose_object_is_gone_fails(product):
    row = declared(lambda product: 1).delayed(product)
    product.delete()
    assert run_tasks() == counts(failed=1)
    row.refresh_from_db()
    assert row.error.startswith("ObjectGone")


def test_rows_in_every_queue_run(product):
    declared(lambda product: 1, queue="slow").delayed(product)
    declared(lambda product: 1).delayed(product)
    assert run_tasks() == counts(finished=2)


@pytest.mark.parametrize("limit", [0, 5])
def test_a_loop_is_named(product, limit):
    @declared(name="tests.looping")
    def looping(product):
        looping.delayed(product)

    with contextlib.suppress(KeyError):
        looping.delayed(product)
    times = f"tests.looping {limit} times" if limit else "none of them"
    with pytest.raises(AssertionError, match=f"has run {limit} rows.*: {times}"):
        run_tasks(limit=limit)


@pytest.mark.parametrize("wrong", [None, -1, "5", 2.5, True])
def test_a_limit_that_is_no_number_of_runs_is_refused_before_anything_runs(product, wrong):
    row = declared(lambda product: 1).delayed(product)
    with pytest.raises(TypeError, match="limit is how many runs there may be") as raised:
        run_tasks(limit=wrong)
    assert f"not {wrong!r}." in str(raised.value)
    row.refresh_from_db()
    assert row.is_queued


def test_as_many_rows_as_the_limit_are_no_loop(product):
    declared(lambda product: 1).each([product] * 5)
    assert run_tasks(limit=5) == counts(finished=5)


# --- every way to end -----------------------------------------------------------------


class Odd(BaseException):
    """No Exception."""


@pytest.mark.parametrize("error", [SystemExit(3), Odd("odd"), GeneratorExit()])
def test_what_is_no_exception_fails_the_row_as_in_a_worker(product, error):
    @declared
    def odd(product):
        raise error

    row = odd.delayed(product)
    assert run_tasks() == counts(failed=1)
    row.refresh_from_db()
    assert row.errors[0]["type"].endswith(type(error).__name__)
    odd.delayed(product)
    with pytest.raises(type(error)):
        run_tasks(raise_errors=True)


def test_who_presses_ctrl_c_stops_the_test(product):
    @declared
    def stopped(product):
        raise KeyboardInterrupt

    row = stopped.delayed(product)
    with pytest.raises(KeyboardInterrupt):
        run_tasks()
    row.refresh_from_db()
    assert row.is_failed


def test_what_would_end_a_workers_process_is_a_loss(product):
    class WorkerShutdown(SystemExit):  # what Celery's is called
        pass

    @declared(bind=True)
    def ending(self, product):
        if self.row.attempt == 1:
            raise WorkerShutdown(0)
        return "again"

    row = ending.delayed(product)
    assert run_tasks() == counts(finished=1, retried=1)
    row.refresh_from_db()
    assert (row.result, row.losses, row.errors[0]["type"].rpartition(".")[2]) == (
        *("again", 1),
        "WorkerLost",
    )


def test_ignored_and_cancelled_and_rejected_rows(product):
    @declared
    def ending(product, how):
        raise {"ignore": Ignore(), "cancel": TaskCancelled(), "reject": Reject("no")}[how]

    for how in ("ignore", "cancel", "reject"):
        ending.delayed(product, how)
    assert run_tasks() == counts(cancelled=2, failed=1)


def test_a_row_that_rejects_itself_into_the_queue_for_ever_is_a_loop(product):
    @declared
    def again(product):
        raise Reject("again", requeue=True)

    again.delayed(product)
    with pytest.raises(AssertionError, match="7 times"):
        run_tasks(limit=7)


def test_a_row_that_is_cancelled_while_it_runs_counts_as_cancelled(product):
    @declared(bind=True)
    def cancelled(self, product):
        Task.objects.get(pk=self.row.pk).cancel()
        check_cancelled()

    row = cancelled.delayed(product)
    assert run_tasks() == counts(cancelled=1)
    row.refresh_from_db()
    assert row.is_cancelled


def test_a_row_that_another_body_cancels_does_not_run(product):
    ran = []
    second = declared(lambda product: ran.append("second"))

    @declared
    def first(product):
        second.tasks().cancel()

    first.delayed(product)
    second.delayed(product)
    assert run_tasks() == counts(finished=1)
    assert ran == []


def test_what_an_atomic_body_did_is_undone_when_it_raises(product):
    @declared(atomic=True)
    def careful(product, fails):
        Product.objects.create(name="made")
        if fails:
            raise LookupError

    careful.delayed(product, True)
    assert run_tasks() == counts(failed=1)
    assert not Product.objects.filter(name="made").exists()
    careful.delayed(product, False)
    assert run_tasks() == counts(finished=1)
    assert Product.objects.filter(name="made").count() == 1


def test_what_a_plain_body_did_before_it_raised_stays(product):
    @declared
    def careless(product):
        Product.objects.create(name="made")
        raise LookupError

    careless.delayed(product)
    assert run_tasks() == counts(failed=1)
    assert Product.objects.filter(name="made").exists()


def test_a_statement_that_the_database_refuses_breaks_only_its_row(product):
    @declared
    def twice(product):
        Product.objects.create(pk=product.pk, name="twice")

    fine = declared(lambda product: "fine")
    rows = twice.delayed(product), fine.delayed(product)
    assert run_tasks() == counts(finished=1, failed=1)
    assert Task.objects.get(pk=rows[0].pk).error.startswith("IntegrityError")
    assert Product.objects.count() == 1


def test_a_result_that_is_no_json_fails_the_row(product):
    declared(lambda product: object()).delayed(product)
    assert run_tasks() == counts(failed=1)


# --- as after a commit ----------------------------------------------------------------


@pytest.fixture
def heard():
    words = []
    listeners = []
    for signal in (task_queued, task_started, task_retried, task_finished):
        listener = lambda sender, task, signal, **extra: words.append((signal, task.status))  # noqa: E731
        listeners.append((signal, listener))
        signal.connect(listener)
    yield words
    for signal, listener in listeners:
        signal.disconnect(listener)


def test_signals_are_heard_in_the_order_in_which_a_worker_sends_them(product, heard):
    @declared
    def told(product):
        heard.append("body")

    told.delayed(product)
    run_tasks()
    assert heard == [
        (task_queued, "queued"),
        (task_started, "running"),
        "body",
        (task_finished, "finished"),
    ]


def test_a_signal_that_a_test_has_had_sent_is_not_sent_again(
    product, heard, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        declared(lambda product: 1).delayed(product)
    run_tasks()
    assert [signal for signal, _ in heard] == [task_queued, task_started, task_finished]


def test_the_tests_own_callbacks_are_left_to_it(product, django_capture_on_commit_callbacks):
    called = []
    fine = declared(lambda product: 1)
    with django_capture_on_commit_callbacks(execute=True):
        fine.delayed(product)
        transaction.on_commit(lambda: called.append("once"))
        before = list(called)  # where it commits it was called already
        run_tasks()
        assert called == before
    assert called == ["once"]


def test_a_row_that_is_made_on_commit_of_a_body_runs(product):
    order = []
    after = declared(lambda product: order.append("after"))

    @declared
    def before(product):
        with transaction.atomic():
            transaction.on_commit(lambda: after.delayed(product))
            assert not after.tasks().exists()
        assert after.tasks().exists()
        order.append("before")

    before.delayed(product)
    assert run_tasks() == counts(finished=2)
    assert order == ["before", "after"]


def test_a_block_of_a_body_is_rolled_back_with_its_callbacks(product):
    called = []

    @declared
    def rolls_back(product):
        with contextlib.suppress(LookupError), transaction.atomic(savepoint=False):
            Product.objects.create(name="undone")
            transaction.on_commit(lambda: called.append(1))
            with transaction.atomic():
                Product.objects.create(name="undone")
            raise LookupError
        with contextlib.suppress(IntegrityError), transaction.atomic():
            Product.objects.create(pk=product.pk, name="twice")
        with transaction.atomic(durable=True):
            return Product.objects.filter(name="undone").count()

    row = rolls_back.delayed(product)
    run_tasks(raise_errors=True)
    row.refresh_from_db()
    assert (row.result, called) == (0, [])


def test_the_transaction_of_the_test_is_as_it_was(product):
    before = connection.in_atomic_block, len(connection.savepoint_ids), connection.autocommit
    with transaction.atomic():
        transaction.on_commit(lambda: None)

        @declared(atomic=True)
        def closes(product):
            connection.close()
            raise LookupError

        closes.delayed(product)
        inside = len(connection.savepoint_ids), len(connection.run_on_commit)
        run_tasks()
        assert (len(connection.savepoint_ids), len(connection.run_on_commit)) == inside
        product.refresh_from_db()
    after = connection.in_atomic_block, len(connection.savepoint_ids), connection.autocommit
    assert after == before
    assert not {"_commit", "_rollback", "close"} & vars(connection).keys()


def test_objects_in_another_database(product):
    there = Product.objects.using("other").create(name="there")

    @declared
    def sell(product):
        with transaction.atomic(using="other"):
            transaction.on_commit(lambda: product.refresh_from_db(), using="other")
            product.stock = 7
            product.save()
        assert not connections["other"].in_atomic_block
        return product.stock

    sell.delayed(there)
    assert run_tasks(raise_errors=True) == counts(finished=1)
    there.refresh_from_db()
    assert there.stock == 7


# --- what a body sees -----------------------------------------------------------------


def test_hooks_and_the_request_are_those_of_a_worker(product):
    seen = {}

    class Hooked(BoogieTask):
        def run(self, product, number):
            seen["run"] = (self.request.id, self.request.is_eager, self.row.status)
            seen["place"] = self.request.delivery_info["routing_key"]
            raise LookupError(number)

        def on_failure(self, exc, task_id, args, kwargs, einfo):
            seen["on_failure"] = (str(exc), task_id, args, kwargs)

        def after_return(self, status, retval, task_id, args, kwargs, einfo):
            seen["after_return"] = status

    hooked = Hooked.as_task(name="tests.running.hooked", queue="side")
    row = hooked.delayed(product, number=2)
    run_tasks()
    key = str(row.pk)
    assert seen == {
        "run": (key, False, "running"),
        "place": "side",
        "on_failure": ("2", key, [product], {"number": 2}),
        "after_return": "FAILURE",
    }


def test_nothing_of_the_tests_context_is_around_a_body(product):
    speaks = declared(lambda product: translation.get_language())
    user = get_user_model().objects.create(username="ada")
    row = speaks.delayed(product)
    with translation.override("de"), coming_from(Origin(user=user)):
        run_tasks()
    row.refresh_from_db()
    assert row.result != "de"


@pytest.mark.parametrize("atomic", [False, True])
def test_progress_is_kept(product, atomic):
    @declared(atomic=atomic)
    def tells(product):
        progress(1, 2, "half")

    row = tells.delayed(product)
    run_tasks(raise_errors=True)
    row.refresh_from_db()
    assert (row.progress.done, row.progress.note) == (1, "half")


def test_run_tasks_within_a_body(product):
    inner = declared(lambda product: "inner")

    @declared
    def outer(product):
        inner.delayed(product)
        return run_tasks(inner)["finished"]

    row = outer.delayed(product)
    assert run_tasks() == counts(finished=1)
    row.refresh_from_db()
    assert row.result == 1


@override_settings(USE_TZ=False)
def test_without_time_zones(product):
    @declared(bind=True, max_retries=1)
    def flaky(self, product):
        if not self.request.retries:
            raise self.retry(countdown=100)

    flaky.delayed(product)
    assert run_tasks() == counts(finished=1, retried=1)


def test_while_the_clock_stands_still(product):
    moment = timezone.now()
    with freeze(moment):
        row = declared(lambda product: 1).delayed(product)
        declared(lambda product: 1, bind=False).schedule(1, product)
        assert run_tasks() == counts(finished=1)
    row.refresh_from_db()
    assert row.created == row.started == row.ended


# --- async ----------------------------------------------------------------------------


def test_in_an_event_loop(product):
    plain = declared(lambda product: 1)
    plain.delayed(product)
    assert async_to_sync(arun_tasks)(plain, limit=1) == counts(finished=1)


def test_in_an_event_loop_it_names_what_can_be_awaited():
    async def calling():
        run_tasks()

    with pytest.raises(SynchronousOnlyOperation, match=r"Use: await arun_tasks\(\)"):
        async_to_sync(calling)()
