"""Tasks for real workers whose bodies are coroutines."""

import asyncio
import os
import signal
import threading
import time

from asgiref.sync import sync_to_async
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.db.models import F

from boogie.apps.tasks import BoogieTask, task, track

#: What bodies keep from one run to the next, as a client of HTTP keeps its connections.
_kept = {}


async def _count(post):
    await type(post).objects.filter(pk=post.pk).aupdate(views=F("views") + 1)


async def _hold(post):
    while not await type(post).objects.filter(pk=post.pk, pinned=True).aexists():  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def _client():
    """Return a connection to a server of this process, opened by the first that asks."""

    async def answer(reader, writer):
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()

    if not _kept:
        _kept["server"] = server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        _kept["client"] = await asyncio.open_connection("127.0.0.1", port)
    return _kept["client"]


@task
async def talk(user, word):
    """Use a connection that an earlier run may have opened."""
    reader, writer = await _client()
    writer.write(f"{word}\n".encode())
    await writer.drain()
    answer = (await reader.readline()).decode().strip()
    return {"answer": answer, "pid": os.getpid(), "loop": id(asyncio.get_running_loop())}


@task(bind=True)
async def meet(self, post, others):
    """Wait until ``others`` runs in the same loop have begun, then use the ORM."""
    here = _kept.setdefault("meeting", [])
    here.append(self.row.pk)
    while len(here) <= others:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await _count(post)
    threads = {await sync_to_async(threading.get_ident)() for _ in range(3)}
    return [id(asyncio.get_running_loop()), *threads, str(self.row.pk)]


@task
async def hold(post):
    await _count(post)
    await _hold(post)
    return os.getpid()


@task
async def die(post):
    """Kill the process in the first attempt."""
    await _count(post)
    if (await type(post).objects.aget(pk=post.pk)).views == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return "lives"


@task(soft_time_limit=1)
async def overstay(user, how):
    """Note what a body, and its children, learn of a soft limit."""

    async def child():
        try:
            await asyncio.sleep(600)
        finally:
            await user.posts.acreate(title="child ended")

    try:
        if how == "sleep":
            await asyncio.sleep(600)
        elif how == "thread":
            await sync_to_async(time.sleep)(600)
        elif how == "gather":
            await asyncio.gather(child(), child())
        elif how == "timeout":
            async with asyncio.timeout(600):
                await asyncio.sleep(600)
        else:
            async with asyncio.TaskGroup() as group:
                group.create_task(child())
    except SoftTimeLimitExceeded:
        await user.posts.acreate(title="caught")
        raise
    finally:
        await user.posts.acreate(title="finally")


@task(
    soft_time_limit=1,
    autoretry_for=[SoftTimeLimitExceeded],
    max_retries=1,
    retry_kwargs={"countdown": 0},
)
async def overstay_once(post):
    await _count(post)
    if (await type(post).objects.aget(pk=post.pk)).views == 1:
        await asyncio.sleep(600)
    return "in time"


@task(time_limit=1)
async def overstay_hard(user):
    await asyncio.sleep(600)


@task(bind=True)
async def ask(self, post):
    """Ask whether the row was cancelled, until it is."""
    await _count(post)
    while True:
        self.check_cancelled()
        await asyncio.sleep(0.05)


@task
async def follow(post):
    await _count(post)
    async for _ in track(range(10_000)):
        await asyncio.sleep(0.05)


@task
async def last_words(post):
    """Write something down when the process is told to end."""
    await _count(post)
    try:
        await asyncio.sleep(600)
    finally:
        await type(post).objects.acreate(title="last words", author_id=post.author_id)


@task
async def block(post):
    """Hold up the loop."""
    await _count(post)
    time.sleep(600)  # noqa: ASYNC251


@task
async def backend(user, breaks=False):
    """Return the id of the connection's process; break the connection of the next."""

    def ask():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pid = cursor.fetchone()[0]
            if breaks:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return pid

    return await sync_to_async(ask)()


class Mourned(BoogieTask):
    """Has a hook that is a coroutine, for a run whose process is gone."""

    rescue = False

    async def run(self, user):
        os.kill(os.getpid(), signal.SIGKILL)

    async def on_failure(self, exc, task_id, args, kwargs, einfo):
        await args[0].posts.acreate(title=f"{type(exc).__name__} {self.row.pk}")


mourned = Mourned.as_task(name="tests.coroutines.mourned")
