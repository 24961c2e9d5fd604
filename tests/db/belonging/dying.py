"""Deaths: a process that is killed between two of its statements, at whichever it is told to."""

import contextlib
from contextlib import contextmanager

from django.db import connection
from hypothesis import strategies as st

#: Before which statement it dies; 0: it does not.
DEATHS = st.one_of(*[st.just(0)] * 4, st.integers(min_value=1, max_value=16))


class Death(BaseException):
    """The process is gone: what it has not committed is rolled back, and nothing else is done."""


class Fate:
    """What becomes of one process: from some statement of its on, none is executed any more."""

    def __init__(self, at):
        self._left = at
        self.has_come = False

    def __call__(self, execute, *statement):
        if self.has_come or self._left == 1:
            self.has_come = True
            raise Death
        self._left -= bool(self._left)
        return execute(*statement)


@contextmanager
def dying(at):
    """Be a process that dies before its statement number ``at``."""
    fate = Fate(at)
    with contextlib.suppress(Death), connection.execute_wrapper(fate):
        yield fate
