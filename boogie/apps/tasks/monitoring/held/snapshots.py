"""
What holds back vacuum on PostgreSQL: an old snapshot, for whose sake dead rows stay in the table.

Each look for work then passes over them. Other databases purge in other ways.
"""

from dataclasses import dataclass

from django.db import connections

from boogie.apps.tasks.models import Task
from boogie.apps.tasks.models.stored import primary

#: Seconds that a transaction may be open, and dead rows that the table may have meanwhile.
LONG, DEAD = 600.0, 100_000
#: Transactions that have begun since: of a snapshot that is no older than these little is held
#: back, whenever its transaction began; and where nothing tells a time, so many are a long one.
FEW, MANY = 1000, 200_000

#: The sessions of this database, and of standbys; what is prepared; slots, also of who is away.
#: Vacuum itself is in nobody's way. A user sees no transactions of others but as ``pg_monitor``.
OLDEST = """
    SELECT what, seconds, transactions, dead FROM (
        SELECT
            concat_ws(' ', 'the session', pid, NULLIF(application_name, ''), state) AS what,
            EXTRACT(EPOCH FROM statement_timestamp() - xact_start) AS seconds,
            age(COALESCE(backend_xmin, backend_xid)) AS transactions
        FROM pg_stat_activity
        WHERE (datname = current_database() OR datid IS NULL) AND pid <> pg_backend_pid()
            AND backend_type <> 'autovacuum worker' AND query NOT ILIKE 'vacuum%%'
        UNION ALL
        SELECT 'the prepared transaction ' || gid,
            EXTRACT(EPOCH FROM statement_timestamp() - prepared), age(transaction)
        FROM pg_prepared_xacts WHERE database = current_database()
        UNION ALL
        SELECT 'the replication slot ' || slot_name, NULL, age(xmin) FROM pg_replication_slots
    ) held, (SELECT n_dead_tup AS dead FROM pg_stat_user_tables WHERE relid = %s::regclass) counted
    WHERE dead >= %s AND transactions >= CASE WHEN seconds IS NULL THEN %s ELSE %s END
        AND COALESCE(seconds, %s) >= %s
    ORDER BY transactions DESC LIMIT 1
"""


@dataclass(frozen=True)
class HeldBack:
    """Vacuum is held back: by what, and how many dead rows the table of rows has."""

    what: str
    #: For how long its transaction has been open; ``None``: nothing tells of a time.
    seconds: float | None
    #: How many transactions have begun since.
    transactions: int
    dead: int

    @property
    def problem(self) -> str:
        """It, in words."""
        since = f"{self.transactions} transactions"
        if self.seconds is not None:
            since = f"{self.seconds:.0f} s, {since}"
        return (
            f"{self.what} holds back vacuum (since {since}), and the table of rows has {self.dead} "
            f"dead ones, which every look for work passes over: end it"
        )


def oldest() -> HeldBack | None:
    """Return what holds back most, if that is too much (one statement); ``None``: nothing."""
    connection = connections[primary(Task)]
    if connection.vendor != "postgresql":
        return None
    table = connection.ops.quote_name(Task._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(OLDEST, [table, DEAD, MANY, FEW, LONG, LONG])
        found = cursor.fetchone()
    if found is None:
        return None
    what, seconds, transactions, dead = found
    return HeldBack(what, None if seconds is None else float(seconds), transactions, dead)
