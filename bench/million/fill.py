"""
How rows come into a table fast: without its indexes, which are made at the end.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from boogie.apps.tasks.keeper import rollups
from boogie.apps.tasks.models import Task

from . import cast
from .history import NONE, Extremes, History, Row

#: Rows that one call hands to a database.
CHUNK = 2000

COLUMNS = [field.attname for field in Task._meta.concrete_fields]
TABLE = Task._meta.db_table


def _tell_nobody(done: int) -> None:
    pass


def fill(
    size: int,
    progress: Callable[[int], None] = _tell_nobody,
    extremes: Extremes = NONE,
) -> None:
    """Store ``size`` rows and all that they are about; have the planner know of them."""
    native = connection.features.has_native_uuid_field
    history = History(
        cast.assemble(size),
        size,
        extremes,
        datetime.now(UTC).replace(tzinfo=None),
        key=str if native else _as_hex,
        time=_in_utc if connection.vendor == "postgresql" else str,
    )
    with _without_indexes():
        _store(history.rows(), progress)
    analyze()


def roll_up() -> None:
    """Have keepers' figures of all that has ended, as if they had counted all the time."""
    while rollups.count():
        pass


def analyze() -> None:
    """Have the planner look at the tables; PostgreSQL also learns which pages all may see."""
    words = {"postgresql": "VACUUM ANALYZE", "mysql": "ANALYZE TABLE", "sqlite": "ANALYZE"}
    with connection.cursor() as cursor:
        cursor.execute(f"{words[connection.vendor]} {TABLE}")
        if connection.vendor == "mysql":
            cursor.fetchall()


def _as_hex(key: UUID) -> str:
    return key.hex


def _in_utc(moment: datetime) -> str:
    return f"{moment}+00:00"


@contextmanager
def _without_indexes() -> Iterator[None]:
    with connection.schema_editor() as editor:
        for index in Task._meta.indexes:
            editor.remove_index(Task, index)
    try:
        yield
    finally:
        with connection.schema_editor() as editor:
            for index in Task._meta.indexes:
                editor.add_index(Task, index)


def _store(rows: Iterable[Row], progress: Callable[[int], None]) -> None:
    tuples = (tuple(row[name] for name in COLUMNS) for row in rows)
    done = 0
    store = _copy if connection.vendor == "postgresql" else _insert
    with transaction.atomic():
        while chunk := list(islice(tuples, CHUNK)):
            store(chunk)
            progress(done := done + len(chunk))


def _copy(chunk: list[tuple[Any, ...]]) -> None:
    names = ", ".join(connection.ops.quote_name(name) for name in COLUMNS)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {TABLE} ({names}) FROM STDIN") as copy,
    ):
        for values in chunk:
            copy.write_row(values)


def _insert(chunk: list[tuple[Any, ...]]) -> None:
    names = ", ".join(connection.ops.quote_name(name) for name in COLUMNS)
    places = ", ".join(["%s"] * len(COLUMNS))
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {TABLE} ({names}) VALUES ({places})", chunk)
