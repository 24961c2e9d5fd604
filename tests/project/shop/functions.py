"""Functions of Django Tasks, which are about no object."""

import asyncio
import os
import signal
import time
from functools import partial

from django.conf import settings

from boogie.apps.tasks import Concurrency, Task, check_cancelled, progress
from boogie.apps.tasks.functions import library
from tests.project.shop.models import Product

#: In the queue of this session: that of Django is everybody's on a broker.
task = partial(library.library.task, queue_name=settings.CELERY_TASK_DEFAULT_QUEUE)


@task()
def add(a, b=0):
    return a + b


@task()
def echo(*args, **kwargs):
    return [list(args), kwargs]


@task()
def unfit():
    return {1, 2}


@task()
def broken(word="broken"):
    raise LookupError(word)


@task(takes_context=True)
def told(context, word):
    result = context.task_result
    return [context.attempt, result.id, str(result.status), result.args, word]


@task()
async def later(a):
    return a * 2


@task()
async def in_loop(name):
    """Ask the database, and tell which loop this is."""
    product = await Product.objects.acreate(name=name)
    progress(1, 2, "made")
    return [product.pk, id(asyncio.get_running_loop())]


@task()
def reports():
    progress(3, 10, "on it")
    check_cancelled()
    return "told"


@task()
def makes_product(name, fails=False):
    Product.objects.create(name=name)
    if fails:
        raise LookupError(name)
    return name


@task()
def dies(times):
    """Kill the process that runs it, the first times."""
    row = Task.objects.get(name__endswith=".dies")
    if row.attempt <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return row.attempt


@task()
def exits():
    raise SystemExit(7)


def plain(a):
    return a


if library.has_options:

    @task(limits=[Concurrency(1, by=lambda word: word)])
    def one_by_one(word):
        return word

    @task(autoretry_for=(LookupError,), max_retries=2, default_retry_delay=0)
    def flaky(word):
        raise LookupError(word)

    @task(max_retries=1)
    def retried():
        raise ArithmeticError

    @task(atomic=True)
    def makes_product_atomically(name, fails=False):
        return makes_product.func(name, fails)

    @task(expires=60)
    def perishable():
        return "fresh"

    @task(time_limit=1)
    def endless():
        time.sleep(60)

    @task(soft_time_limit=1)
    def long():
        time.sleep(60)
