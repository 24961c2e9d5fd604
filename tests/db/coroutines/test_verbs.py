"""What is awaited in an event loop, and what is refused there."""

import asyncio
import inspect
import threading
from datetime import timedelta

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections

from boogie.apps.tasks import ArgumentError, Task, TaskCancelled, TaskFailed, batch
from boogie.apps.tasks.models.asynchronous import waiting
from tests.project.blog.models import User
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)


@declared
def plain(product, times=1):
    return product.name * times


@declared
async def coroutine(product, times=1):
    await asyncio.sleep(0)
    return product.name * times


@declared
def failing(product):
    raise LookupError("nothing there")


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@pytest.fixture
def user():
    return User.objects.create(username="grace")


def awaited(function):
    """Make an ``async def`` test one that pytest runs: in a new loop, as a program has it."""

    def test(*args, **kwargs):
        async def program():
            async with ThreadSensitiveContext():
                try:
                    return await function(*args, **kwargs)
                finally:
                    await sync_to_async(connections.close_all)()

        asyncio.run(program())

    test.__name__ = function.__name__
    test.__signature__ = inspect.signature(function)
    test.pytestmark = getattr(function, "pytestmark", [])
    return test


# --- tasks --------------------------------------------------------------------------------


@awaited
@pytest.mark.parametrize("body", [plain, coroutine])
async def test_rows_are_made_as_by_the_twins(body, product, user):
    row = await body.adelayed(product, times=2)
    assert (row.status, row.kwargs, row.name) == ("queued", {"times": 2}, body.name)
    assert (await body.apaused(product, 3)).status == "paused"
    later = await body.aschedule(timedelta(hours=1), product)
    assert later.scheduled_for > later.created
    mine = body.using(requested_by=user)
    for made in (
        await mine.adelayed(product),
        await mine.apaused(product),
        await mine.aschedule(5, product),
        await (await mine.aeach([product])).aget(),
    ):
        assert made.requested_by_id == str(user.pk)
    assert await mine.acall(product) == "pen"
    assert await body.tasks().finished().acount() == 1


@awaited
async def test_rows_about_many_objects(product):
    await Product.objects.acreate(name="ink")
    everything = Product.objects.all()
    rows = await plain.aeach(everything, 2, chunk_size=1)
    assert await rows.queued().acount() == 2
    rows = await plain.aeach.paused(everything)
    assert await rows.paused().acount() == 2
    assert await rows.arun() == 2
    rows = await plain.aeach.schedule(60, [product])
    assert (await rows.aget()).scheduled_for


@awaited
@pytest.mark.parametrize("body", [plain, coroutine])
async def test_acall_does_what_call_does(body, product):
    assert await body.acall(product, 3) == "penpenpen"
    row = await body.tasks().aget()
    assert (row.status, row.attempt, await row.aget_result()) == ("finished", 1, "penpenpen")


@awaited
async def test_acall_raises_what_the_body_raised(product):
    with pytest.raises(LookupError, match="nothing there"):
        await failing.acall(product)
    assert (await failing.tasks().aget()).is_failed


@awaited
async def test_a_coroutine_runs_in_the_loop_that_awaits_it_and_a_function_in_a_thread(product):
    @declared
    async def of_coroutine(product):
        seen.append((asyncio.get_running_loop(), threading.get_ident()))
        seen.append(await sync_to_async(threading.get_ident)())

    @declared
    def of_function(product):
        seen.append(threading.get_ident())

    seen = []
    await of_coroutine.acall(product)
    await of_function.acall(product)
    its_thread = await sync_to_async(threading.get_ident)()
    here = asyncio.get_running_loop(), threading.get_ident()
    assert seen == [here, its_thread, its_thread]


@awaited
async def test_the_loop_goes_on_while_a_plain_body_runs(product):
    may_go = threading.Event()

    @declared
    def body(product):
        return may_go.wait(60)

    async def let_go():
        may_go.set()

    assert await asyncio.gather(body.acall(product), let_go()) == [True, None]


@awaited
async def test_acalls_in_acalls(product):
    @declared
    async def inner(product):
        await Product.objects.acount()
        return 1

    @declared
    async def outer(product):
        return sum(await asyncio.gather(*(inner.acall(product) for _ in range(3))))

    assert await outer.acall(product) == 3
    outer_row = await outer.tasks().aget()
    assert {row.parent_id async for row in inner.tasks()} == {outer_row.pk}


@awaited
@pytest.mark.parametrize("begins", [True, False])
async def test_an_acall_that_is_cancelled_ends_its_body_and_fails_its_row(product, begins):
    begun, ended = asyncio.Event(), []

    @declared
    async def body(product):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await Product.objects.acount()
            ended.append("finally")

    calling = asyncio.create_task(body.acall(product))
    if begins:
        await begun.wait()
    else:
        await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    row = await body.tasks().aget()
    assert (row.status, row.errors[0]["type"]) == ("failed", "asyncio.exceptions.CancelledError")
    assert ended == (["finally"] if begins else [])


@awaited
async def test_an_acall_of_a_plain_body_that_is_cancelled_ends_when_the_body_has(product):
    begun, may_go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    @declared
    def body(product):
        loop.call_soon_threadsafe(begun.set)
        return may_go.wait(60)

    calling = asyncio.create_task(body.acall(product))
    await begun.wait()
    calling.cancel()
    await asyncio.sleep(0)
    may_go.set()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert (await body.tasks().aget()).is_finished


@awaited
async def test_what_is_refused_is_refused_before_there_is_a_row(product):
    with pytest.raises(ArgumentError):
        await plain.adelayed(product, object())
    with pytest.raises(TypeError):
        await plain.acall("no object")
    assert not await Task.objects.aexists()


@awaited
async def test_rows_are_cleaned(product):
    await plain.acall(product)
    await plain.acall(product)
    assert await plain.aclean(product, keep_last=True) == 1
    assert await plain.tasks().aclean() == 1


# --- rows ---------------------------------------------------------------------------------


@awaited
async def test_verbs_of_a_row(product, user):
    row = await plain.apaused(product)
    assert [await row.arun(), row.status] == [True, "queued"]
    assert [await row.apause(), row.status] == [True, "paused"]
    assert await row.apause() is False
    assert [await row.acancel(), row.status] == [True, "cancelled"]
    assert [await row.aretry(), row.status] == [True, "queued"]
    later = await plain.aschedule(3600, product)
    assert await later.arun_now()
    assert later.not_before < later.scheduled_for
    with pytest.raises(LookupError):
        await failing.acall(product)
    failed = await failing.tasks().aget()
    assert await failed.aacknowledge(by=user)
    assert failed.acknowledged_by_id == str(user.pk)


@awaited
async def test_verbs_of_querysets(product, user):
    rows = plain.tasks()
    await plain.apaused(product)
    assert [await rows.arun(), await rows.apause(), await rows.acancel()] == [1, 1, 1]
    assert [await rows.aretry(), await rows.arun_now()] == [1, 0]
    assert await Task.objects.all().acancel(terminate=True) == 1
    with pytest.raises(LookupError):
        await failing.acall(product)
    assert await failing.tasks().aacknowledge(by=user) == 1
    assert not hasattr(Task.objects, "acancel")


# --- waiting ------------------------------------------------------------------------------


@awaited
async def test_many_wait_while_the_rows_run(product):
    rows = [await plain.adelayed(product, number) for number in range(20)]
    waits = asyncio.gather(*(row.await_result(60) for row in rows))
    await asyncio.sleep(0)
    for row in rows:
        await sync_to_async(work)(await Task.objects.aget(pk=row.pk))
    assert await waits == ["pen" * number for number in range(20)]


@awaited
async def test_what_became_of_a_row_is_raised(product):
    row = await failing.adelayed(product)
    await sync_to_async(work)(row)
    with pytest.raises(TaskFailed, match="LookupError: nothing there"):
        await row.await_result(5)
    row = await plain.apaused(product)
    with pytest.raises(TimeoutError, match="has not ended"):
        await row.await_result(0.1)
    await row.acancel()
    with pytest.raises(TaskCancelled):
        await row.await_result()


async def nobody_keeps_a_connection(awaited, row):
    """Wait until the connection is closed; have the row run, and return what was waited for."""
    from django.db import connection

    def is_closed():
        return connection.connection is None

    task = asyncio.create_task(awaited)
    closed = False
    while not closed:
        await asyncio.sleep(0.01)
        closed = await sync_to_async(is_closed)()
    await sync_to_async(work)(await Task.objects.aget(pk=row.pk))
    return await task


@awaited
async def test_nobody_who_waits_keeps_a_connection(product, monkeypatch):
    monkeypatch.setattr(waiting, "LONG", 0.0)
    row = await plain.adelayed(product)
    assert await nobody_keeps_a_connection(row.await_result(60), row) == "pen"


@awaited
async def test_nobody_who_waits_for_a_batch_keeps_a_connection(product, monkeypatch):
    def made():
        with batch() as found:
            plain.delayed(product)
        return found, found.rows.get()

    monkeypatch.setattr(waiting, "LONG", 0.0)
    found, row = await sync_to_async(made)()
    assert await nobody_keeps_a_connection(found.await_end(60), row) == found


@awaited
async def test_what_a_row_is_after_is_there_in_its_body(product):
    @declared(bind=True)
    async def joined(self, product):
        waited = [row.pk async for row in self.row.waits_for]
        return [waited, *[await row.aget_result() for row in await self.row.aneeds()]]

    needs = [await plain.adelayed(product, times) for times in (2, 1)]
    row = await joined.using(after=needs).adelayed(product)
    for one in (*needs, row):
        await sync_to_async(work)(one)
    assert await row.aget_result() == [[], "penpen", "pen"]
    assert await row.aneeds() == needs


# --- a process that has read nothing yet --------------------------------------------------


@awaited
@pytest.mark.parametrize(
    "rows",
    [
        lambda product: plain.tasks(product),
        lambda product: Task.objects.for_object(product),
        lambda product: product.tasks.all(),
    ],
    ids=["of a task", "of an object", "relation"],
)
async def test_rows_of_an_object_are_found_by_who_has_to_read_its_type_first(product, rows):
    row = await plain.adelayed(product)
    await plain.adelayed(await Product.objects.acreate(name="ink"))
    ContentType.objects.clear_cache()
    found = rows(product)
    assert [one.pk async for one in found] == [row.pk]
    assert await found.acancel() == await found.cancelled().acount() == 1


@awaited
@pytest.mark.parametrize("others", [True, False])
async def test_erasure_is_whole_also_where_the_type_is_read_first(product, user, others):
    row = await plain.using(requested_by=user).adelayed(product)
    ContentType.objects.clear_cache()
    rows = Task.objects.for_object(user)
    assert await (rows if others else rows.filter(priority=1)).aerase() == 0
    row = await Task.objects.aget(pk=row.pk)
    assert row.requested_by_name == ("" if others else str(user))


# --- refusals -----------------------------------------------------------------------------

#: What is called in a loop, and what the message names.
REFUSED = {
    "call": (lambda row, p: plain.call(p), "acall"),
    "call of a coroutine": (lambda row, p: coroutine.call(p), "acall"),
    "delayed": (lambda row, p: plain.delayed(p), "adelayed"),
    "paused": (lambda row, p: plain.paused(p), "apaused"),
    "schedule": (lambda row, p: plain.schedule(5, p), "aschedule"),
    "each": (lambda row, p: plain.each([p]), "aeach"),
    "each.paused": (lambda row, p: plain.each.paused([p]), "aeach.paused"),
    "each.schedule": (lambda row, p: plain.each.schedule(5, [p]), "aeach.schedule"),
    "using": (lambda row, p: plain.using(requested_by=None).delayed(p), "adelayed"),
    "using each": (lambda row, p: plain.using(requested_by=None).each([p]), "aeach"),
    "clean": (lambda row, p: plain.clean(), "aclean"),
    **{
        f"row.{verb}": ((lambda row, p, verb=verb: getattr(row, verb)()), f"a{verb}")
        for verb in ("run", "pause", "cancel", "retry", "run_now", "acknowledge")
    },
    **{
        f"rows.{verb}": ((lambda row, p, verb=verb: getattr(plain.tasks(), verb)()), f"a{verb}")
        for verb in ("run", "pause", "cancel", "retry", "run_now", "acknowledge", "clean")
    },
    "wait": (lambda row, p: row.wait(5), "await_result"),
    "needs": (lambda row, p: row.needs, "aneeds"),
}


@awaited
@pytest.mark.parametrize("case", REFUSED)
async def test_in_a_loop_what_would_hold_it_up_is_refused_and_does_nothing(case, product):
    call, twin = REFUSED[case]
    row = await plain.apaused(product)
    with pytest.raises(SynchronousOnlyOperation, match=rf"await {twin}\(\)"):
        call(row, product)
    assert [(one.pk, one.status) async for one in Task.objects.all()] == [(row.pk, "paused")]


def test_outside_of_a_loop_nothing_is_refused(product):
    assert plain.call(product) == "pen"
    assert coroutine.call(product) == "pen"


def test_djangos_own_switch_allows_it(product, monkeypatch):
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

    async def program():
        try:
            return plain.delayed(product).status
        finally:
            connections.close_all()  # of this context

    assert asyncio.run(program()) == "queued"
