"""Tasks for real workers whose bodies wait for something that is not the database."""

import asyncio
import os
import time
from pathlib import Path

from django.db import connection, transaction
from django.db.models import F

from boogie.apps.tasks import task


def _add_view(user):
    user.posts.update(views=F("views") + 1)


@task(name="tests.waiting.wait")
def wait(user, path):
    """Use the database, wait until a file is there, and use it again."""
    _add_view(user)
    while not Path(path).exists():
        time.sleep(0.05)
    _add_view(user)
    return os.getpid()


@task(name="tests.waiting.await_it")
async def await_it(user, path):
    """Do the same as a coroutine."""
    await user.posts.aupdate(views=F("views") + 1)
    while not os.path.exists(path):  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.05)
    await user.posts.aupdate(views=F("views") + 1)
    return os.getpid()


@task(name="tests.waiting.together", atomic=True)
def together(user, fails):
    """Do two things in one transaction, between which others go on."""
    _add_view(user)
    time.sleep(0.01)
    _add_view(user)
    if fails:
        raise LookupError("after both")


@task(name="tests.waiting.careless")
def careless(user, number):
    """Leave something behind in the session, of one kind or another."""
    if number % 3 == 0:
        transaction.atomic().__enter__()
    elif number % 3 == 1:
        transaction.set_autocommit(False)
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION TRANSACTION READ ONLY" if number % 3 == 2 else "SELECT 1")
