"""
One of Django's connections while a body has it: it borrows that of the driver, for each statement.

A transaction, an open cursor, and whatever a session is to remember keep what was borrowed.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

from . import manners
from .debt import Debt, begin_anew
from .lender import Lender

#: What Django's connection does otherwise meanwhile.
METHODS = (
    "ensure_connection",
    "cursor",
    "chunked_cursor",
    "make_cursor",
    "make_debug_cursor",
    "set_autocommit",
    "get_autocommit",
    "run_and_clear_commit_hooks",
    "close",
)


class Borrower:
    """What keeps a connection that was borrowed, from the beginning of a run to its end."""

    def __init__(self, connection: Any, lender: Lender) -> None:
        self._connection = connection
        self._lender = lender
        self._debt = Debt(connection, lender)
        self._cursors: set[Any] = set()
        #: Whether it is kept to the end of the run, and is not to be used after that.
        self._is_kept = self._is_changed = False
        #: How many of our own calls need one connection for several statements.
        self._calls = 0
        #: Whether a transaction is begun or ended just now: what is freed meanwhile waits.
        self._is_switching = False
        #: The thread, or greenlet, whose run it is: what others clean up gives nothing back.
        self._owner = threading.get_ident()
        self._before = {name: vars(connection).get(name) for name in METHODS}
        self._usual = SimpleNamespace(**{name: getattr(connection, name) for name in METHODS})

    # --- the run ----------------------------------------------------------------------

    def enter(self) -> None:
        """Begin to borrow."""
        self._usual.close()
        own = vars(self._connection)
        own.update({name: getattr(self, name) for name in METHODS})
        own.update(self._lender.facts)

    def leave(self, clean: bool) -> None:
        """Give back what is borrowed; close it after a run that raised, or has changed it."""
        own = vars(self._connection)
        for name, before in self._before.items():
            own.pop(name, None)
            if before is not None:
                own[name] = before
        is_needed = self._is_needed()  # also by a cursor that nobody has closed
        self._cursors.clear()
        if clean and not self._is_changed and not is_needed:
            self._debt.pay()
        else:
            self._debt.drop()
        begin_anew(self._connection)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Have our own statements in a block on one connection."""
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            self._release()

    # --- in place of the connection's own methods -------------------------------------

    def ensure_connection(self) -> None:
        """Borrow a connection, or open one; what the project does with it itself is not seen."""
        self._note(sys._getframe(1))
        connection = self._connection
        is_closed_within = connection.in_atomic_block and connection.closed_in_transaction
        if connection.connection is not None or is_closed_within:
            self._usual.ensure_connection()
            return
        self._calls += 1  # what is freed meanwhile does not give it back
        try:
            self._debt.take(self._usual.ensure_connection)
        finally:
            self._calls -= 1

    def cursor(self) -> Any:
        """Return a cursor; one that the project has opened keeps the connection."""
        self._note(sys._getframe(1))
        with self.together():
            return self._usual.cursor()

    def chunked_cursor(self) -> Any:
        """Return a cursor of the server."""
        self._note(sys._getframe(1))
        with self.together():
            return self._usual.chunked_cursor()

    def make_cursor(self, cursor: Any) -> Any:
        """Return a cursor that gives the connection back when it is closed."""
        return self._counted(self._usual.make_cursor(cursor))

    def make_debug_cursor(self, cursor: Any) -> Any:
        """Return the same of one that takes notes."""
        return self._counted(self._usual.make_debug_cursor(cursor))

    def set_autocommit(self, autocommit: bool, *args: Any, **options: Any) -> None:
        """Begin a transaction, or give the connection back at the end of one."""
        self._is_switching = True
        try:
            self._usual.set_autocommit(autocommit, *args, **options)
        finally:  # what is called after a commit may raise
            self._is_switching = False
            self._release()

    def run_and_clear_commit_hooks(self) -> None:
        """Give the connection back before what is called after a commit: that may wait."""
        self._is_switching = False
        self._release()
        self._usual.run_and_clear_commit_hooks()

    def get_autocommit(self) -> bool:
        """Return whether each statement commits; nothing is borrowed to know that."""
        return self._connection.connection is None or bool(self._usual.get_autocommit())

    def close(self) -> None:
        """Close what is borrowed: nobody is to have it."""
        try:
            self._usual.close()
        finally:
            if self._connection.connection is None or self._connection.closed_in_transaction:
                self._debt.write_off()
                self._is_kept = self._is_changed = False

    # --- what keeps it ----------------------------------------------------------------

    def _note(self, frame: Any) -> None:
        """Keep to the end what the project itself asks for: what it does with that is not seen."""
        if not (self._debt.is_new or manners.is_trusted(frame)):
            self._is_kept = self._is_changed = True

    def _counted(self, cursor: Any) -> Any:
        if not self._is_kept:
            self._cursors.add(cursor)
            vars(cursor).update(
                close=partial(self._close_cursor, cursor),
                # Behind all wrappers: what the project has made of a statement is what counts.
                _execute=partial(self._watch, cursor._execute),
                _executemany=partial(self._watch, cursor._executemany),
            )
        return cursor

    def _watch(self, execute: Any, sql: Any, *args: Any) -> Any:
        is_ours = self._calls or self._debt.is_new
        if not (is_ours or self._is_changed or manners.leaves_nothing(sql)):
            self._is_kept = self._is_changed = True
        return execute(sql, *args)

    def _close_cursor(self, cursor: Any) -> None:
        try:
            cursor.cursor.close()
        finally:
            self._cursors.discard(cursor)
            if threading.get_ident() == self._owner and not self._is_switching:
                self._release()

    def _is_needed(self) -> bool:
        """Return whether something goes on that the next statement belongs to."""
        connection = self._connection
        is_in_transaction = connection.in_atomic_block or not connection.autocommit
        return bool(self._cursors or self._calls or self._debt.is_new or is_in_transaction)

    def _release(self) -> None:
        """Give the connection back, if nothing needs it."""
        if self._debt.is_open and not self._is_kept and not self._is_needed():
            self._debt.pay()

    def __del__(self) -> None:
        """A thread of a body is gone without a word."""
        self._debt.leave()
