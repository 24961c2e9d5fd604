"""Two threads with connections of their own, and ways to let them meet."""

import threading

from django.db import connection, connections, transaction

from tests.support.waiting import wait_until


class Rival(threading.Thread):
    """Calls a function on connections of its own; ``outcome()`` tells what came of it."""

    def __init__(self, function, barrier=None):
        super().__init__()
        self.function = function
        self.barrier = barrier
        self.begun = threading.Event()
        self.session = None
        self.result = None
        self.error = None

    def run(self):
        try:
            connection.ensure_connection()
            if connection.vendor in SESSION:
                self.session = _ask(SESSION[connection.vendor])
            if self.barrier is not None:
                self.barrier.wait(60)
            self.begun.set()
            self.result = self.function()
        except BaseException as error:
            self.error = error
        finally:
            self.begun.set()
            connections.close_all()

    def outcome(self):
        self.join(60)
        assert not self.is_alive(), "the rival never came to an end"
        if self.error is not None:
            raise self.error
        return self.result


def race(*functions):
    """Let all functions start at one moment; return their results."""
    barrier = threading.Barrier(len(functions))
    rivals = [Rival(function, barrier) for function in functions]
    for rival in rivals:
        rival.start()
    return [rival.outcome() for rival in rivals]


#: How to learn which session this is, and whether a session waits for a lock. MariaDB shows an
#: old picture to those who ask more often than every 0.1 s.
SESSION = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT connection_id()"}
WAITS = {
    "postgresql": "SELECT cardinality(pg_blocking_pids(%s))",
    "mysql": """
        SELECT count(*) FROM information_schema.innodb_trx
        WHERE trx_mysql_thread_id = %s AND trx_state = 'LOCK WAIT'
    """,
}


def _ask(query, *params):
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return cursor.fetchone()[0]


def waits_for_us(rival):
    """Whether the rival is held up by this thread's transaction; SQLite does not tell."""
    if not rival.is_alive() or connection.vendor not in WAITS:
        return rival.begun.is_set()
    return rival.begun.is_set() and _ask(WAITS[connection.vendor], rival.session) > 0


def while_uncommitted(first, second, undo=False):
    """Do ``first`` and, before that is committed, ``second`` in a rival; return both results."""
    with transaction.atomic():
        ours = first()
        rival = Rival(second)
        rival.start()
        wait_until(lambda: waits_for_us(rival), pause=0.2)
        transaction.set_rollback(undo)
    return ours, rival.outcome()
