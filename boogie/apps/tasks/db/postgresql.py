"""
Prepared statements on PostgreSQL: parsed and planned once for each connection.

About a third of what a run costs the server is to parse and plan its statements.
"""

from typing import Any

from . import features

#: Executions after which a statement is kept, where ``OPTIONS`` has no number: psycopg's own.
PREPARE_AFTER = 5

#: Asks for the number of the process that answers.
WHO = "SELECT pg_backend_pid()"


def may_prepare(connection: Any) -> bool:
    """
    Return whether PostgreSQL may keep statements of ours on this connection.

    The project says so in ``OPTIONS``: by a ``prepare_threshold``, which is psycopg's,
    or by ``None``. If it says nothing they are kept, unless there is a pooler, which
    may give each transaction another server process.
    """
    if not features.keeps_statements(connection):
        return False
    options = connection.settings_dict["OPTIONS"]
    if "prepare_threshold" in options or options.get("server_side_binding"):
        return options.get("prepare_threshold") is not None
    return _is_direct(connection)


#: Database, host and port → whether PostgreSQL itself is there.
_direct: dict[Any, bool] = {}


def forget() -> None:
    """Ask again who is at the other end: a server or a pooler has changed."""
    _direct.clear()


def _is_direct(connection: Any) -> bool:
    """
    Ask, once in a process, whether PostgreSQL itself is at the other end.

    A pooler that shares server processes cannot tell a client which one it has: it
    makes up the number that the client gets when it connects.
    """
    settings = connection.settings_dict
    place = (settings["NAME"], settings["HOST"], settings["PORT"])
    if place not in _direct:
        connection.ensure_connection()
        raw = connection.connection
        if not hasattr(raw, "prepare_threshold"):  # psycopg2
            return False
        with connection.wrap_database_errors:
            (pid,) = raw.execute(WHO).fetchone()
        _direct[place] = pid == raw.info.backend_pid
    return _direct[place]


def cursor(connection: Any) -> Any:
    """
    Return a cursor that sends values apart from the text, so that psycopg can prepare it.

    Django's own cursors put them into the text, unless ``server_side_binding`` is set:
    what the ORM sends is not prepared.
    """
    from django.db.backends.postgresql import base

    connection.ensure_connection()
    raw = connection.connection
    if raw.prepare_threshold is None:
        raw.prepare_threshold = PREPARE_AFTER
    usual, raw.cursor_factory = raw.cursor_factory, base.ServerBindingCursor
    try:
        return connection.cursor()
    finally:
        raw.cursor_factory = usual
