"""
The connections of one database that the bodies of a process share: so many, and who waits for one.

What Django knows of a connection is no matter of this room.
"""

import logging
import os
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

logger = logging.getLogger(__name__)

#: Seconds in which none is given back, after which one more is opened, for who would wait for ever
#: otherwise: two bodies may each hold what the other one needs.
PATIENCE = 10.0
#: Seconds that a connection is kept for which nobody asks.
IDLE = 60.0


#: Connections of the process that has forked this one: what frees one may end it there.
_inherited: list[Any] = []


@dataclass(eq=False)
class Loan:
    """A connection of the driver, and until when it is good; both by this process's clock."""

    raw: Any = None
    close_at: float | None = None
    idle_since: float = 0.0
    #: Whether it may have ended with another one.
    is_in_doubt: bool = False
    #: The process that has opened it.
    pid: int = field(default_factory=lambda: os.getpid())

    @property
    def is_old(self) -> bool:
        """Whether it is not to be used any more."""
        return self.close_at is not None and time.monotonic() >= self.close_at

    @property
    def is_inherited(self) -> bool:
        """Whether it is another process's, which has forked this one, and may be using it."""
        return self.pid != os.getpid()

    def close(self) -> None:
        """Close the connection, whatever has become of it."""
        if self.is_inherited:
            _inherited.append(self.raw)
            return
        with suppress(Exception):
            self.raw.close()


@dataclass(eq=False)
class _Turn:
    """Somebody who waits, in the order of coming."""

    is_served: threading.Event = field(default_factory=threading.Event)
    loan: Loan | None = None

    def serve(self, loan: Loan) -> None:
        """Let go on who waits."""
        self.loan = loan
        self.is_served.set()


class Lender:
    """Lends at most ``limit`` connections at one time, the one that was used last first."""

    def __init__(self, alias: str, limit: int, patience: float = PATIENCE) -> None:
        self._alias = alias
        self._limit = limit
        self._patience = patience
        # One that its owner may take again: what frees a connection may be called at any moment.
        self._lock = threading.RLock()
        #: Those that are lent, and those that are not.
        self.count = 0
        self._idle: deque[Loan] = deque()
        self._waiting: deque[_Turn] = deque()
        #: Those whose takers are gone without a word.
        self._left: deque[Loan] = deque()
        #: When one was given back, or one more was opened.
        self._moved = time.monotonic()
        #: Statements that were compiled for one connection and hold for all.
        self.statements: dict[Any, Any] = {}
        #: What a connection has learnt of the server, for all.
        self.facts: dict[str, Any] = {}

    def take(self) -> Loan:
        """Return a loan; without a connection it is one that the taker is to open."""
        self._take_left()
        turn = _Turn()
        with self._lock:
            if self._idle:
                return self._idle.pop()
            if self.count < self._limit:
                self.count += 1
                return Loan()
            self._waiting.append(turn)
        return self._served(turn)

    def _served(self, turn: _Turn) -> Loan:
        try:
            while not turn.is_served.wait(self._patience):
                self._serve_if_stuck(turn)
        except BaseException:  # a time limit strikes here, too
            self._leave(turn)
            raise
        return cast(Loan, turn.loan)

    def _serve_if_stuck(self, turn: _Turn) -> None:
        """Have one more than the limit, if none was given back for as long as that."""
        with self._lock:
            is_stuck = time.monotonic() - self._moved >= self._patience
            if not is_stuck or turn.loan is not None:
                return
            self._waiting.remove(turn)
            self.count += 1
            self._moved = time.monotonic()
            turn.serve(Loan())
        logger.warning(
            "%r: all %s connections have been in use for %s s, in transactions or by bodies that "
            "keep theirs; another one is opened. BOOGIE_TASKS['WORKER_CONNECTIONS'] says how many.",
            *(self._alias, self._limit, self._patience),
        )

    def _leave(self, turn: _Turn) -> None:
        """Wait no more; what came too late is for others."""
        with self._lock:
            if turn.loan is None:
                self._waiting.remove(turn)
                return
        if turn.loan.raw is None:
            self.forget()
        else:
            self.give(turn.loan)

    def give(self, loan: Loan) -> None:
        """Take a connection back that is as it was."""
        loan.idle_since = self._moved = time.monotonic()
        with self._lock:
            is_one_too_many = self.count > self._limit and not self._waiting
            if is_one_too_many:
                self.count -= 1
            else:
                self._pass_on(loan)
        if is_one_too_many:
            loan.close()

    def forget(self) -> None:
        """Note that a connection that was lent is no more."""
        self._moved = time.monotonic()
        with self._lock:
            if self._waiting and self.count <= self._limit:
                self._pass_on(Loan())
            else:
                self.count -= 1

    def leave(self, loan: Loan) -> None:
        """Note what somebody had who is gone. No lock: things are freed at any moment."""
        self._left.append(loan)

    def _take_left(self) -> None:
        while self._left:
            with suppress(IndexError):  # another thread was first
                loan = self._left.popleft()
                loan.close()
                if not loan.is_inherited:
                    self.forget()

    def doubt(self) -> None:
        """One was found to have ended: have the others looked at before they are used again."""
        with self._lock:
            for loan in self._idle:
                loan.is_in_doubt = True

    def _pass_on(self, loan: Loan) -> None:
        if not self._waiting:
            self._idle.append(loan)
            return
        self._waiting.popleft().serve(loan)

    def abandon(self) -> None:
        """
        Have none, in a process that was forked.

        Those of the one that has forked it are not to be used here, nor closed: that would end them
        there.
        """
        self._lock = threading.RLock()
        for loan in self._idle:
            loan.close()
        self._idle.clear()
        self._waiting.clear()
        self.count = 0

    def tidy(self) -> None:
        """Close those for which nobody has asked for long, and those whose takers are gone."""
        self._take_left()
        if self._idle:
            self._close_idle(time.monotonic() - IDLE)

    def close(self) -> None:
        """Close what is not lent."""
        self._close_idle(time.monotonic())

    def _close_idle(self, since: float) -> None:
        closing = []
        with self._lock:
            while self._idle and self._idle[0].idle_since <= since:
                closing.append(self._idle.popleft())
                self.count -= 1
        for loan in closing:
            loan.close()
