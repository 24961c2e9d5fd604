"""
What one of Django's connections owes: the connection of a driver, taken, looked at, given back.
"""

import time
from collections.abc import Callable
from typing import Any

from django.db.backends.signals import connection_created

from boogie.apps.tasks.db import features

from .lender import IDLE, Lender, Loan

#: What each of Django's connections would ask the server for.
FACTS = ("isolation_level", "pg_version", "mysql_server_data")
#: Says of one of Django's connections that receivers of ``connection_created`` know it.
INTRODUCED = "_boogie_introduced"
#: Seconds after which one asks whether a connection still works: whoever used it last knew.
CHECK_AFTER = 5.0


class Debt:
    """The loan of a connection, if it has one."""

    def __init__(self, connection: Any, lender: Lender) -> None:
        self._connection = connection
        self._lender = lender
        self._loan: Loan | None = None
        #: Whether a connection is being made just now.
        self.is_new = False
        #: Whether what the run has taken so far is known to work, if the project asks for that.
        self._is_known = not connection.settings_dict["CONN_HEALTH_CHECKS"]

    @property
    def is_open(self) -> bool:
        """Whether something is owed."""
        return self._loan is not None

    def take(self, connect: Callable[[], None]) -> None:
        """Have the connection go on with what others had, or ``connect`` by itself."""
        self.write_off()  # of one that was taken away
        self._loan = loan = self._lender.take()
        try:
            if loan.raw is not None and not self._accepts(loan):
                loan.close()
                loan.raw = self._connection.connection = None
            if loan.raw is None:
                self._connect(loan, connect)
        except BaseException:  # a time limit, too
            loan.raw = self._connection.connection
            self.drop()
            raise

    def _accepts(self, loan: Loan) -> bool:
        """Go on with what others had; return whether it works."""
        if loan.is_old:
            return False
        connection = self._connection
        begin_anew(connection)
        connection.connection, connection.autocommit = loan.raw, True
        connection.close_at, connection.errors_occurred = loan.close_at, False
        connection.health_check_done = True
        vars(connection).update(self._lender.facts)
        since = time.monotonic() - loan.idle_since
        if since > CHECK_AFTER or loan.is_in_doubt or not self._is_known:
            loan.is_in_doubt, self._is_known = False, True
            if not connection.is_usable():
                return False
        self._introduce()
        return True

    def _introduce(self) -> None:
        """
        Tell receivers of ``connection_created`` of a connection of Django's that they do not know.

        What they add to it, such as a wrapper of each statement, is not the server's.
        """
        if vars(self._connection).get(INTRODUCED):
            return
        self.is_new = True
        try:
            connection_created.send(type(self._connection), connection=self._connection)
        finally:
            self.is_new = False
        vars(self._connection)[INTRODUCED] = True

    def _connect(self, loan: Loan, connect: Callable[[], None]) -> None:
        connection = self._connection
        self.is_new = True
        try:
            connect()
        finally:
            self.is_new = False
        loan.raw = connection.connection
        age = connection.settings_dict["CONN_MAX_AGE"]
        # To connect for each statement is what nobody wants who has no age.
        loan.close_at = None if age is None else time.monotonic() + (age or IDLE)
        connection.close_at = loan.close_at
        own = vars(connection)
        own[INTRODUCED] = True
        self._lender.facts.update({name: own[name] for name in FACTS if name in own})

    def pay(self) -> None:
        """Give back what is as it was; close what is not."""
        connection, loan = self._connection, self._loan
        if loan is None:
            return
        is_sound = connection.connection is loan.raw and not connection.errors_occurred
        if loan.is_inherited or not is_sound or loan.is_old or not features.is_at_rest(connection):
            self.drop()
            return
        self._loan = connection.connection = None
        self._lender.give(loan)

    def drop(self) -> None:
        """Close what is owed: nobody is to have it."""
        if self._loan is not None:
            if self._loan.raw is not None:
                self._loan.close()
            self._connection.connection = None
            self.write_off()

    def write_off(self) -> None:
        """Note that what is owed is no more."""
        if self._loan is not None:
            is_inherited, self._loan = self._loan.is_inherited, None
            if is_inherited:
                return
            if self._connection.errors_occurred:
                self._lender.doubt()
            self._lender.forget()

    def leave(self) -> None:
        """Leave what is owed behind, when the connection itself is freed."""
        if self._loan is not None:
            self._lender.leave(self._loan)


def begin_anew(connection: Any) -> None:
    """Have a connection know of no transaction, as Django does when it connects."""
    connection.in_atomic_block = connection.needs_rollback = False
    connection.closed_in_transaction = False
    connection.savepoint_ids, connection.atomic_blocks, connection.run_on_commit = [], [], []
