"""Before the worker starts: the database, and what an earlier demo left there."""

from celery import current_app
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, Error, connection
from django.db.utils import ConnectionHandler
from kombu.utils.url import maybe_sanitize_url

from boogie.apps.tasks import Schedule, Task
from demo.library.models import Document
from demo.terminal import Stopped

#: Seconds after which a broker that does not answer is away.
BROKER_TIMEOUT = 5


def reach_database() -> str:
    """Create the database if there is none, bring its tables up to date, and describe it."""
    try:
        connection.ensure_connection()
    except Error:
        _create_database()
    call_command("migrate", verbosity=0)
    settings = connection.settings_dict
    place = f" on {settings['HOST']}" if settings["HOST"] else ""
    return f"{connection.display_name}, {settings['NAME']}{place}"


def _create_database() -> None:
    """Create the database on its server, through a connection that names no database."""
    settings = {**connection.settings_dict, "NAME": None}
    server = ConnectionHandler({DEFAULT_DB_ALIAS: settings})[DEFAULT_DB_ALIAS]
    name = server.ops.quote_name(connection.settings_dict["NAME"])
    try:
        with server.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
        server.close()
        connection.ensure_connection()
    except Error as error:
        raise Stopped(f"Cannot use the database {name}: {error}") from error


def start_over() -> int:
    """Delete documents, schedules and all rows of an earlier demo; return how many rows."""
    rows = Task.objects.all()
    rows.cancel()
    removed = rows.clean(finished=False)
    Schedule.objects.all().delete()
    Document.objects.all().delete()
    return removed


def reach_broker() -> str:
    """
    Return the broker's URL without its password.

    Raise :class:`Stopped` if it is away: Boogie would wait for it, and so would you.
    """
    try:
        broker = current_app.connection_for_write(connect_timeout=BROKER_TIMEOUT)
        broker.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT)
        broker.release()
    except Exception as error:
        url = maybe_sanitize_url(current_app.conf.broker_url)
        raise Stopped(f"Cannot reach the broker {url}: {error}") from error
    return broker.as_uri()
