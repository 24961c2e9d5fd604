"""
A test's transaction that seems to be none.

A ``TestCase`` never commits. What runs within :func:`as_if_committed` finds its connections in
autocommit all the same, as a worker does: ``on_commit()`` calls at once, the outermost ``atomic()``
is one that commits, a statement that fails breaks nothing but itself. What is below are savepoints,
and at the end everything is as it was.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import DatabaseError, connections

from boogie.apps.tasks.db import features
from boogie.apps.tasks.lifecycle.emit import Sending

#: Of an outermost ``atomic()``, and of one statement on PostgreSQL.
BLOCK, STATEMENT = "boogie_tasks_block", "boogie_tasks_statement"


@contextmanager
def as_if_committed() -> Iterator[None]:
    """Have the transactions that are open in this thread seem to be committed, each statement."""
    with ExitStack() as stack:
        opened = [
            stack.enter_context(_autocommit(connection))
            for connection in connections.all(initialized_only=True)
            if connection.in_atomic_block and not connection.needs_rollback
        ]
        # Signals of what the test did until now; what else waits is the test's own.
        for callbacks in opened:
            for announce in callbacks:
                announce()
        yield


def is_pretended(connection: Any) -> bool:
    """Return whether what is done on a connection only seems to be committed."""
    return "_commit" in vars(connection)


@contextmanager
def _autocommit(connection: Any) -> Iterator[list[Sending]]:
    """Pretend on one connection; yield the signals that wait for its commit."""
    waiting = [func for _, func, _ in connection.run_on_commit if isinstance(func, Sending)]
    pretended = {**_state_of_autocommit(), **_methods(connection)}
    own = vars(connection)
    before = {name: own[name] for name in pretended if name in own}
    own.update(pretended)
    try:
        if features.gives_up_transactions(connection):
            with connection.execute_wrapper(_guard(connection)):
                yield waiting
        else:
            yield waiting
    finally:
        for name in pretended:
            own.pop(name, None)
        own.update(before)


def _state_of_autocommit() -> dict[str, Any]:
    return {
        "in_atomic_block": False,
        "autocommit": True,
        "commit_on_exit": True,
        "needs_rollback": False,
        "closed_in_transaction": False,
        "run_commit_hooks_on_set_autocommit_on": False,
        "savepoint_ids": [],
        "atomic_blocks": [],
        "run_on_commit": [],
    }


def _methods(connection: Any) -> dict[str, Callable[..., Any]]:
    """Return what begins and ends a transaction: by a savepoint within that of the test."""
    ops = connection.ops
    is_open = False

    def begin() -> None:
        nonlocal is_open
        _execute(connection, ops.savepoint_create_sql(BLOCK))
        is_open = True

    def commit() -> None:
        nonlocal is_open
        if is_open:
            is_open = False
            _execute(connection, ops.savepoint_commit_sql(BLOCK))

    def rollback() -> None:
        if is_open:
            _execute(connection, ops.savepoint_rollback_sql(BLOCK))
            commit()

    def set_autocommit(on: bool) -> None:
        if on:
            commit()
        else:
            begin()

    def close() -> None:
        """Stay open: all that the test has done would be lost."""

    found: dict[str, Callable[..., Any]] = {
        "_commit": commit,
        "_rollback": rollback,
        "_set_autocommit": set_autocommit,
        "close": close,
    }
    if hasattr(connection, "_start_transaction_under_autocommit"):  # SQLite
        found["_start_transaction_under_autocommit"] = begin
    return found


def _execute(connection: Any, text: str) -> None:
    """Execute by the driver's own cursor: no wrapper is to see it."""
    with connection.wrap_database_errors:
        cursor = connection.connection.cursor()
        try:
            cursor.execute(text)
        finally:
            cursor.close()


def _guard(connection: Any) -> Callable[..., Any]:
    """Return a wrapper of statements: PostgreSQL refuses all others after one that has failed."""
    ops = connection.ops

    def guarded(execute: Any, text: Any, params: Any, many: bool, context: Any) -> Any:
        if connection.in_atomic_block or not connection.autocommit:
            return execute(text, params, many, context)
        _execute(connection, ops.savepoint_create_sql(STATEMENT))
        try:
            found = execute(text, params, many, context)
        except DatabaseError:
            _execute(connection, ops.savepoint_rollback_sql(STATEMENT))
            _execute(connection, ops.savepoint_commit_sql(STATEMENT))
            raise
        _execute(connection, ops.savepoint_commit_sql(STATEMENT))
        return found

    return guarded
