"""Bodies that are coroutines: as a worker runs them, and as ``call()`` does."""

import asyncio
import contextvars
import threading
import traceback

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from celery import current_task
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connection
from django.utils import translation

from boogie.apps.tasks import (
    BoogieTask,
    Task,
    TaskCancelled,
    acheck_cancelled,
    check_cancelled,
    progress,
    track,
)
from tests.project.shop.models import Product
from tests.support.runs import both_worlds, declared, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


# --- results and errors -------------------------------------------------------------------


@both_worlds
def test_an_async_body_runs_and_its_result_is_stored(run, product):
    @declared
    async def body(product, times, *, end=""):
        await asyncio.sleep(0)
        return product.name * times + end

    row = run(body, product, 2, end="!")
    assert (row.status, row.get_result(), row.attempt) == ("finished", "penpen!", 1)


def test_call_returns_what_the_coroutine_returned(product):
    @declared
    async def body(product):
        return {"name": product.name}

    assert body.call(product) == {"name": "pen"}


@both_worlds
def test_what_it_raises_fails_the_row_with_a_traceback_of_the_body(run, product):
    @declared
    async def body(product):
        await asyncio.sleep(0)
        raise LookupError("nothing there")

    row = run(body, product)
    assert row.is_failed
    (error,) = row.errors
    assert (error["type"], error["message"]) == ("builtins.LookupError", "nothing there")
    assert 'raise LookupError("nothing there")' in error["traceback"]
    assert "driver.py" not in error["traceback"]


def test_call_raises_what_the_coroutine_raised_unchanged(product):
    raised = LookupError("this one")

    @declared
    async def body(product):
        raise raised

    with pytest.raises(LookupError) as caught:
        body.call(product)
    assert caught.value is raised
    assert "in body" in "".join(traceback.format_exception(caught.value))


@both_worlds
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_is_no_exception_fails_the_row_and_the_loop_goes_on(run, error, product):
    @declared
    async def body(product, fails):
        if fails:
            raise error("enough")
        return "well"

    with pytest.raises(BaseException, match="enough"):
        run_all(run, body, product)
    failed = body.tasks().failed().get()
    assert failed.errors[0]["type"].endswith(error.__name__)
    assert body.call(product, False) == "well"


def run_all(run, body, product):
    """Run a body whose error may or may not pass through Celery's tracer."""
    row = run(body, product, True)
    raise RuntimeError(row.errors[0]["message"])


@both_worlds
def test_system_exit_in_a_child_ends_neither_the_loop_nor_the_process(run, product):
    @declared
    async def body(product):
        async def child():
            raise SystemExit(3)

        done = asyncio.create_task(child())
        await asyncio.wait([done])
        return repr(done.exception())

    assert run(body, product).get_result() == "SystemExit(3)"


# --- where it runs ------------------------------------------------------------------------


def test_all_runs_of_a_process_have_one_loop(product):
    seen = []

    @declared
    async def body(product):
        seen.append((asyncio.get_running_loop(), threading.current_thread()))

    body.call(product)
    work(body.delayed(product))
    (loop, thread), again = seen
    assert again == (loop, thread)
    assert loop.is_running()
    assert thread is not threading.current_thread()


@both_worlds
def test_orm_calls_have_the_connection_and_the_transaction_of_the_run(run, product):
    here = threading.get_ident(), connection.connection

    @declared
    async def body(product):
        product.name = "pencil"
        await product.asave()
        found = await sync_to_async(lambda: (threading.get_ident(), connection.connection))()
        return [found == here, await Product.objects.filter(name="pencil").acount()]

    assert run(body, product).get_result() == [True, 1]


@both_worlds
def test_children_and_nested_bridges_have_them_too(run, product):
    here = threading.get_ident()

    def plain():
        async def inner():
            return await sync_to_async(threading.get_ident)()

        return threading.get_ident(), async_to_sync(inner)()

    @declared
    async def body(product):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(sync_to_async(plain)()) for _ in range(3)]
        return [task.result() == (here, here) for task in tasks]

    assert run(body, product).get_result() == [True] * 3


def test_async_to_sync_in_the_same_thread_afterwards_is_what_it_was(product):
    @declared
    async def body(product):
        await Product.objects.acount()
        return id(asyncio.get_running_loop())

    async def loop():
        return id(asyncio.get_running_loop())

    theirs = body.call(product)
    assert async_to_sync(loop)() != theirs


word = contextvars.ContextVar("word", default="")


@both_worlds
def test_the_context_around_the_run_is_that_of_the_body(run, product):
    @declared
    async def body(product):
        return [word.get(), translation.get_language(), await sync_to_async(word.get)()]

    token = word.set("spoken")
    try:
        with translation.override("de"):
            row = run(body, product)
    finally:
        word.reset(token)
    assert row.get_result() == ["spoken", "de", "spoken"]


def test_what_travels_with_a_row_is_that_of_its_coroutine(product, settings):
    settings.BOOGIE_TASKS = {"CONTEXTS": ["boogie.apps.tasks.contexts.Language"]}

    @declared
    async def body(product):
        return [translation.get_language(), await sync_to_async(translation.get_language)()]

    with translation.override("de"):
        row = body.delayed(product)
    assert work(row).get_result() == ["de", "de"]
    assert translation.get_language() != "de"


@both_worlds
def test_asyncio_run_in_a_plain_body_still_works(run, product):
    async def double(name):
        await asyncio.sleep(0)
        return name * 2

    @declared
    def body(product):
        return asyncio.run(double(product.name))

    assert run(body, product).get_result() == "penpen"


@both_worlds
def test_a_plain_function_that_returns_a_coroutine_is_awaited(run, product):
    import functools

    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    @decorate
    async def body(product):
        await asyncio.sleep(0)
        return product.name

    assert run(declared(body), product).get_result() == "pen"


def test_atomic_is_refused_when_it_is_declared():
    async def body(product):
        return None

    with pytest.raises(TypeError, match="atomic=True is for plain functions"):
        declared(atomic=True)(body)


# --- what a body has ------------------------------------------------------------------------


@both_worlds
def test_self_row_and_request_are_there_in_the_body_its_children_and_its_threads(run, product):
    @declared(bind=True)
    async def body(self, product):
        def seen():
            return str(self.row.pk), self.request.id, self.request.retries

        async def child():
            return seen()

        first = seen()
        await asyncio.sleep(0)
        return [
            first[0],
            current_task.name == self.name,
            *(
                other == first
                for other in (
                    seen(),
                    *await asyncio.gather(child(), child()),
                    await sync_to_async(seen)(),
                    await asyncio.to_thread(seen),
                )
            ),
        ]

    row = run(body, product)
    assert row.get_result() == [str(row.pk), True, *[True] * 5]
    assert body.row is None


def test_many_runs_at_once_each_have_their_own_row(product):
    meet = []

    @declared(bind=True)
    async def body(self, product):
        before = self.row.pk
        meet.append(before)
        while len(meet) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        return str(before) == str(self.row.pk)

    async def both():
        return await asyncio.gather(body.acall(product), outer())

    async def outer():
        meet.append("other")
        return True

    assert async_to_sync(both)() == [True, True]


@both_worlds
@pytest.mark.usefixtures("_always_asks")
@pytest.mark.parametrize("how", ["method", "function", "amethod", "afunction", "child"])
def test_a_body_whose_row_was_cancelled_ends_at_its_next_check(run, how, product):
    steps = []

    @declared(bind=True)
    async def body(self, product):
        async def child():
            check_cancelled()

        async def check():
            if how == "method":
                self.check_cancelled()
            elif how == "function":
                check_cancelled()
            elif how == "amethod":
                await self.acheck_cancelled()
            elif how == "afunction":
                await acheck_cancelled()
            else:
                await asyncio.create_task(child())

        await check()
        steps.append("asked")
        await Task.objects.running().acancel()
        await check()
        steps.append("never reached")

    row = run(body, product)
    assert steps == ["asked"]
    assert (row.status, row.errors) == ("cancelled", [])


@both_worlds
@pytest.mark.django_db(transaction=True)  # else a worker's run is in one, and SQLite has one writer
def test_progress_and_log_of_a_coroutine_are_kept(run, product, monkeypatch):
    import logging

    monkeypatch.setattr("boogie.apps.tasks.tracking.reporter.WRITE_EVERY", 0.0)
    seen = []

    @declared(bind=True, log="INFO")
    async def body(self, product):
        for number in range(3):
            self.progress(number, 3, "step")
            logging.getLogger("tests").info("line %s", number)
            row = await Task.objects.aget(pk=self.row.pk)
            seen.append(row.progress.done)
        progress(3, 3)

    row = run(body, product)
    assert seen == [0, 1, 2]  # while it went on
    assert (row.progress.done, row.progress.total) == (3, 3)
    assert [line["message"] for line in row.log] == ["line 0", "line 1", "line 2"]


@both_worlds
def test_track_follows_asynchronous_loops(run, product):
    @declared
    async def body(product):
        return [one.name async for one in track(Product.objects.all())]

    row = run(body, product)
    assert row.get_result() == ["pen"]
    assert (row.progress.done, row.progress.total) == (1, 1)


@both_worlds
def test_what_strikes_while_the_progress_is_written_is_raised_in_the_body(
    run, product, monkeypatch
):
    def strike(self):
        raise SoftTimeLimitExceeded("now")

    monkeypatch.setattr("boogie.apps.tasks.tracking.reporter.Reporter._write", strike)
    caught = []

    @declared(bind=True)
    async def body(self, product):
        try:
            self.progress(1, 2)
            await asyncio.sleep(60)
        except SoftTimeLimitExceeded as error:
            caught.append(str(error))
            monkeypatch.undo()
            raise

    row = run(body, product)
    assert row.is_failed
    assert caught == ["SoftTimeLimitExceeded('now',)"]


@both_worlds
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_always_asks")
def test_track_ends_a_coroutine_whose_row_was_cancelled(run, product, monkeypatch):
    monkeypatch.setattr("boogie.apps.tasks.tracking.reporter.WRITE_EVERY", 0.0)
    steps = []

    @declared
    async def body(product):
        async for number in track(range(3)):
            steps.append(number)
            await Task.objects.running().acancel()

    assert run(body, product).is_cancelled
    assert steps == [0]


# --- retries and the rest -------------------------------------------------------------------


class Wobbly(Exception):
    pass


@both_worlds
def test_autoretry_and_retry_work_as_in_a_plain_body(run, product):
    @declared(autoretry_for=[Wobbly], max_retries=3, retry_kwargs={"countdown": 0}, bind=True)
    async def body(self, product):
        await asyncio.sleep(0)
        if self.request.retries == 0:
            raise Wobbly("by itself")
        if self.request.retries == 1:
            raise self.retry(countdown=0, exc=Wobbly("by hand"))
        return self.request.retries

    row = run(body, product)
    assert (row.status, row.get_result(), row.retries, row.attempt) == ("finished", 2, 2, 3)
    assert [error["message"] for error in row.errors] == ["by itself", "by hand"]


@both_worlds
@pytest.mark.parametrize(
    ("error", "status"),
    [(Ignore("no"), "cancelled"), (Reject("no"), "failed"), (TaskCancelled("no"), "cancelled")],
)
def test_ignore_reject_and_task_cancelled_mean_what_they_mean(run, error, status, product):
    @declared
    async def body(product):
        raise error

    assert run(body, product).status == status


def test_a_plain_call_is_to_be_awaited_and_makes_no_row(product):
    @declared(bind=True)
    async def body(self, product):
        return product.name, self.row

    assert asyncio.run(body(product)) == ("pen", None)
    assert not Task.objects.exists()


@both_worlds
def test_a_body_that_calls_its_function_has_no_second_row(run, product):
    @declared(bind=True)
    async def body(self, product, inner=False):
        if inner:
            return self.row is None
        return [await self(product, inner=True), self.row is not None]

    assert run(body, product).get_result() == [False, True]
    assert Task.objects.count() == 1


@both_worlds
def test_what_a_body_leaves_behind_goes_on_and_is_refused_the_orm(run, product):
    left = []

    async def child(may_go):
        await may_go.wait()
        try:
            await Product.objects.acount()
        except RuntimeError as error:
            left.append(str(error))

    @declared
    async def body(product):
        may_go = asyncio.Event()
        left.append(may_go)
        left.append(asyncio.create_task(child(may_go)))
        left.append(asyncio.get_running_loop())

    assert run(body, product).is_finished
    may_go, task, loop = left
    del left[:]
    loop.call_soon_threadsafe(may_go.set)

    async def ended():
        await asyncio.wait([task])

    asyncio.run_coroutine_threadsafe(ended(), loop).result(10)
    assert left
    assert "has ended" in left[0]


def test_an_async_body_costs_no_statement_more_than_a_plain_one(product):
    plain = declared(lambda product: product.name)

    @declared
    async def coroutine(product):
        return product.name

    counts = []
    for body in (plain, coroutine):
        work(body.delayed(product))
        with statements() as made:
            work(body.delayed(product))
        counts.append(len(made))
    assert counts[0] == counts[1]


# --- hooks ----------------------------------------------------------------------------------


class Hooked(BoogieTask):
    """Every hook is a coroutine, which asks the database."""

    abstract = True
    log_of = []
    max_retries = 1
    default_retry_delay = 0

    async def note(self, hook):
        self.log_of.append((hook, await Product.objects.acount(), str(self.row.pk)))

    async def before_start(self, task_id, args, kwargs):
        await self.note("before_start")

    async def on_success(self, retval, task_id, args, kwargs):
        await self.note("on_success")

    async def on_failure(self, exc, task_id, args, kwargs, einfo):
        await self.note("on_failure")

    async def on_retry(self, exc, task_id, args, kwargs, einfo):
        await self.note("on_retry")

    async def after_return(self, status, retval, task_id, args, kwargs, einfo):
        await self.note("after_return")

    async def serialize_result(self, result):
        await self.note("serialize_result")
        return [result]

    async def deserialize_result(self, data):
        await asyncio.sleep(0)
        return data[0]


class HookedAsync(Hooked):
    async def run(self, product, how="well"):
        if how == "badly":
            raise Wobbly("badly")
        if how == "again" and not self.request.retries:
            raise self.retry()
        return how


class HookedPlain(Hooked):
    def run(self, product, how="well"):
        return async_to_sync(HookedAsync.run)(self, product, how)


EXPECTED = {
    "well": ["before_start", "serialize_result", "on_success", "after_return"],
    "badly": ["before_start", "on_failure", "after_return"],
    "again": [
        *("before_start", "on_retry", "before_start"),
        *("serialize_result", "on_success", "after_return"),
    ],
}


@both_worlds
@pytest.mark.parametrize("how", EXPECTED)
@pytest.mark.parametrize("cls", [HookedAsync, HookedPlain])
def test_hooks_that_are_coroutines_are_awaited(run, cls, how, product):
    hooked = cls.as_task(name=f"db.coroutines.{run.__name__}.{how}.{cls.__name__}")
    del Hooked.log_of[:]
    row = run(hooked, product, how)
    assert [name for name, _, _ in Hooked.log_of] == EXPECTED[how]
    assert {(count, pk) for _, count, pk in Hooked.log_of} == {(1, str(row.pk))}
    if how != "badly":
        assert row.get_result() == how
        assert list(hooked.results()) == [how]


def test_an_async_deserialize_result_is_awaited_in_a_loop(product):
    hooked = HookedAsync.as_task(name="db.coroutines.deserialized")
    hooked.call(product)
    row = hooked.tasks().get()

    async def read():
        with pytest.raises(SynchronousOnlyOperation, match="aget_result"):
            row.get_result()
        return await row.aget_result()

    assert async_to_sync(read)() == "well"
