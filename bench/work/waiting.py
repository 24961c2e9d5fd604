"""The tasks of the figure "waiting": a body reads its object, and waits for somebody else."""

import asyncio
import time

from bench.work.models import Item
from bench.work.tasks import system

#: Seconds that a body waits, as for an answer to a request.
WAIT = 0.2


def wait(item):
    """Wait where others can go on."""
    time.sleep(WAIT)
    return {"item": item.name}


async def await_it(item):
    """Wait as a coroutine."""
    await asyncio.sleep(WAIT)
    return {"item": item.name}


def go_on(item):
    """Wait for nobody: what is left is what a run costs."""
    return {"item": item.name}


def loading(body):
    """Return ``body`` for a system that hands over the primary key."""

    def load(pk):
        return body(Item.objects.get(pk=pk))

    return load


if system.name.startswith("celery"):
    from celery import shared_task

    waits = shared_task(name="bench.waiting.waits")(loading(wait))
else:
    from boogie.apps.tasks import task

    waits = task(name="bench.waiting.waits")(wait)
    awaits = task(name="bench.waiting.awaits")(await_it)
    goes_on = task(name="bench.waiting.goes_on")(go_on)
