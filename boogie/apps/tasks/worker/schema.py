"""
Whether the tables are those of this release, and waiting until they are.

A rolling deploy may start workers before it migrates. No row is claimed before.
"""

import time
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from celery.utils.log import get_logger
from celery.worker import state
from django.db import Error, connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from boogie.apps.tasks.db import outages
from boogie.apps.tasks.db.connections import close_connections
from boogie.apps.tasks.models import Message, Task, Worker
from boogie.apps.tasks.models.stored import primary

logger = get_logger(__name__)

APP = "boogie_tasks"

#: Seconds between two looks at the database, at the shutdown, and between two words about it.
LOOK_EVERY, NOTICE_WITHIN, SAY_EVERY = 2.0, 0.2, 60.0


def wait(sleep: Callable[[float], None] = time.sleep) -> None:
    """
    Wait until no migration is pending; a shutdown that is asked for meanwhile is begun.

    While the database is away nobody knows: the worker goes on, and begins no row before it has
    said that it lives.
    """
    next_word = 0.0
    while missing := _pending():
        if time.monotonic() >= next_word:
            next_word = time.monotonic() + SAY_EVERY
            logger.warning(
                "The database %r lacks %s; this worker waits for it. Run: manage.py migrate %s",
                primary(Task),
                ", ".join(f"{APP}.{name}" for name in missing),
                APP,
            )
        looks_again = time.monotonic() + LOOK_EVERY
        while time.monotonic() < looks_again:
            state.maybe_shutdown()
            sleep(NOTICE_WITHIN)
    if next_word:
        logger.warning("The tables are up to date: this worker begins")


def _pending() -> list[str]:
    try:
        missing, unknown = compare(connections[primary(Task)])
    except Error as error:
        if not outages.is_outage(error):
            raise
        logger.warning("Nobody knows whether migrations are pending: %s", error)
        return []
    finally:
        close_connections()
    if unknown:
        logger.warning(
            "The database is of a newer release, this worker does not know %s. It begins: columns "
            "are only taken away by the release after the one that uses them last",
            ", ".join(f"{APP}.{name}" for name in unknown),
        )
    return missing


def compare(connection: Any) -> tuple[list[str], list[str]]:
    """Return the migrations that the database lacks, and those that this release does not know."""
    known = _known()
    if not known:  # MIGRATION_MODULES leaves them out: tables are made in another way
        return [], []
    applied = {
        name for app, name in MigrationRecorder(connection).applied_migrations() if app == APP
    }
    if not applied and _are_there(connection):  # made without migrations, as for some tests
        return [], []
    done = _with_squashed(known, applied)
    every = {*known, *(old for replaced in known.values() for old in replaced)}
    return sorted(known.keys() - done), sorted(applied - every)


def _known() -> dict[str, list[str]]:
    """Return the migrations of this release, each with those that it replaces."""
    module, _is_explicit = MigrationLoader.migrations_module(APP)
    if module is None:
        return {}
    package = import_module(module)
    names = [found.name for found in iter_modules(package.__path__) if found.name[0] not in "_~"]
    return {name: _replaced(import_module(f"{module}.{name}")) for name in names}


def _replaced(module: Any) -> list[str]:
    replaces = getattr(getattr(module, "Migration", None), "replaces", ())
    return [name for app, name in replaces if app == APP]


def _with_squashed(known: dict[str, list[str]], applied: set[str]) -> set[str]:
    """Return what is applied, by itself or by what it replaces or is replaced by."""
    done = set(applied)
    for name, replaced in known.items():
        if name in applied:
            done.update(replaced)
        elif not applied.isdisjoint(replaced):
            done.add(name)  # of some of them alone, those that are missing are asked for
    return done


def _are_there(connection: Any) -> bool:
    tables = set(connection.introspection.table_names())
    return tables.issuperset(model._meta.db_table for model in (Task, Worker, Message))
