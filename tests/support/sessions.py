"""The connections that a server has, as it tells."""

from django.db import connection


def others():
    """Return how many connections the database has besides this one."""
    count = {
        "postgresql": "SELECT COUNT(*) - 1 FROM pg_stat_activity WHERE datname = %s",
        "mysql": "SELECT COUNT(*) - 1 FROM information_schema.processlist WHERE db = %s",
    }
    with connection.cursor() as cursor:
        cursor.execute(count[connection.vendor], [connection.settings_dict["NAME"]])
        return cursor.fetchone()[0]
