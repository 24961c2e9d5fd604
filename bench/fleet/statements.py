"""
Statements as a server has counted them, by kind: the verb, and the tables in their order.

PostgreSQL counts in ``pg_stat_statements``, MariaDB in its performance schema: also what no
wrapper of Django sees, such as the end of a transaction.
"""

import re
from collections import Counter

from django.db import connection

POSTGRESQL = """
    SELECT query, calls FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
    WHERE d.datname = current_database() AND toplevel AND query NOT LIKE '%%pg_stat_statements%%'
"""
MYSQL = """
    SELECT DIGEST_TEXT, COUNT_STAR FROM performance_schema.events_statements_summary_by_digest
    WHERE SCHEMA_NAME = DATABASE() AND DIGEST_TEXT NOT LIKE '%%events_statements%%'
"""
TABLE = re.compile(r"boogie_tasks_(\w+)")
#: Letters that are shown of a statement without our tables.
SHOWN = 40


def counted() -> Counter[str]:
    """Return how often each kind of statement was executed since the server began."""
    found: Counter[str] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(POSTGRESQL if connection.vendor == "postgresql" else MYSQL)
        for text, calls in cursor.fetchall():
            found[kind(text)] += calls
    return found


def sessions() -> int:
    """Return how many connections there are to the database, but for this one."""
    asked = {
        "postgresql": "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database()",
        "mysql": "SELECT COUNT(*) FROM information_schema.processlist WHERE db = DATABASE()",
    }
    with connection.cursor() as cursor:
        cursor.execute(asked[connection.vendor])
        return int(cursor.fetchone()[0]) - 1


def kind(text: str) -> str:
    """Return of what kind a statement is."""
    words = text.replace("`", "").replace('"', "").split()
    tables = dict.fromkeys(TABLE.findall(" ".join(words)))
    if not tables:
        return " ".join(words)[:SHOWN]
    verb = words[0].upper().strip("(")
    takes = " (takes rows)" if "SKIP LOCKED" in " ".join(words).upper() else ""
    return f"{verb} {', '.join(tables)}{takes}"
