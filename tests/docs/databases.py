"""
The database of a reader's project: the one that Django's template has, or one on a server.
"""

from tests.project import services

#: What is added to the settings of a new project, in place of SQLite.
SETTINGS = {
    "postgresql": """
import os

DATABASES["default"] = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": "127.0.0.1",
    "USER": "postgres",
    "NAME": os.environ["READERS_DATABASE"],
}
"""
}


#: On which database readers' projects are.
DATABASE = services.DATABASE if services.DATABASE in SETTINGS else "sqlite"


def settings() -> str:
    """Return what is added to the settings of a new project."""
    return SETTINGS.get(DATABASE, "")


def create(name: str, like: str | None) -> None:
    """Make a database, with all that lies in ``like``."""
    if DATABASE != "sqlite":
        _execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{like}"' if like else ""))


def drop(name: str) -> None:
    """Take a database away, whoever is connected to it."""
    if DATABASE != "sqlite":
        _execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _execute(statement: str) -> None:
    from django.db import connection

    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)
