"""What planners know of tables that a test has filled."""

from django.db import connection


def analyze(model):
    """Have the planner know how many rows a table has, and which; nothing is left of others."""
    word = "ANALYZE TABLE" if connection.vendor == "mysql" else "ANALYZE"
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # what was deleted is in indexes for a while
            cursor.execute(f"REINDEX TABLE {model._meta.db_table}")
        cursor.execute(f"{word} {model._meta.db_table}")
        if connection.vendor == "mysql":
            cursor.fetchall()
