"""
Processes that a test plays all by itself: each goes on by one statement at a time.

A process is a thread that waits for its turn before each of its statements. What it does
in one transaction is one step for all others, as a database has it. It may die after any
statement: within a transaction, which is rolled back then, or outside of one, where the
statement stands. All threads share one connection, and only one of them is ever awake.
"""

import contextlib
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from django.db import connections

from boogie.apps.tasks import identity

#: More than one example ever has at a time.
THREADS = 200


class Crash(BaseException):
    """The end of a process. Nothing that it might still do reaches the database."""


class Stage:
    """Where processes take turns."""

    def __init__(self):
        self.running = None
        self.connection = self.threads = None
        self.numbers = itertools.count(1)

    @contextlib.contextmanager
    def open(self):
        """Have every statement of this block's processes pass here."""
        self.connection = connections["default"]
        self.connection.ensure_connection()
        self.connection.inc_thread_sharing()
        self.connection.close_at = None  # not between two runs: others are at work
        self.threads = ThreadPoolExecutor(THREADS, initializer=self._share)
        try:
            with self.connection.execute_wrapper(self._statement):
                yield
        finally:
            self.threads.shutdown()
            self.connection.dec_thread_sharing()

    def _share(self):
        connections["default"] = self.connection

    def pause(self):
        """Let all others go on before the running process does."""
        if self.running is not None:
            self.running.pause()

    def _statement(self, execute, sql, params, many, context):
        running = self.running
        if running is None:  # the test's own
            return execute(sql, params, many, context)
        if not self.connection.in_atomic_block and not running.died:
            running.pause()
        if running.died:  # a clause that cleans up
            raise Crash
        result = execute(sql, params, many, context)
        if not sql.startswith("BEGIN"):
            running.count(sql)
        return result


stage = Stage()

#: In the place of the module ``os`` where a process asks for its id.
fake_os = SimpleNamespace(getpid=lambda: stage.running.pid if stage.running else 0)

#: In the place of the module ``time`` where a process waits for the turn of its row.
fake_time = SimpleNamespace(sleep=lambda seconds: stage.pause())


class Process:
    """
    One process, not yet begun.

    ``kind`` and ``job`` say what it may do, ``life`` of which worker it is a part.
    """

    def __init__(self, script, kind, job, life=None):
        self.script, self.kind, self.job, self.life = script, kind, job, life
        self.pid = next(stage.numbers)
        #: After how many more statements it dies.
        self.fuse = None
        #: Whether it did more than read since it was last asked.
        self.wrote = False
        self.over = self.died = False
        #: What the script returned.
        self.value = None
        #: Held by whoever waits for the other.
        self._turn, self._done = threading.Lock(), threading.Lock()
        self._turn.acquire()
        self._done.acquire()
        self._future = stage.threads.submit(self._live)

    def __repr__(self):
        return f"<{self.kind} {self.pid}: {self.job}>"

    def go_on(self):
        """Run to the next pause or to the end; raise what the script raises."""
        stage.running = self
        identity.become_worker(self.life and self.life.pk)
        self._turn.release()
        self._done.acquire()
        identity.become_worker(None)
        stage.running = None
        if self.over:
            self.value = self._future.result()

    def end(self):
        """Let the thread go, after a failure; nothing more is to be learned from it."""
        self.fuse = 0
        with contextlib.suppress(Exception):
            self.go_on()

    # --- in its own thread ------------------------------------------------------------

    def _live(self):
        try:
            self._wait_for_turn()
            return self.script()
        except Crash:
            return None
        finally:
            self.over = True
            self._done.release()

    def _wait_for_turn(self):
        self._turn.acquire()
        if self.fuse == 0:
            self._die()

    def pause(self):
        self._done.release()
        self._wait_for_turn()

    def count(self, statement):
        self.wrote |= not statement.startswith("SELECT")
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse == 0:
                self._die()

    def _die(self):
        self.died = True
        raise Crash
