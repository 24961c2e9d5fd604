"""
The counters of the servers, read from outside the measured system.

The benchmark's statements run under a role of their own and are left out.
"""

from typing import Any

import redis

from bench import places, servers, usage

#: Statements that came from a client: not what PostgreSQL itself runs for foreign keys and
#: in triggers, which is not at the top level.
ROUND_TRIPS = """
    select coalesce(sum(calls), 0)::int from pg_stat_statements s
    join pg_database d on d.oid = s.dbid join pg_roles r on r.oid = s.userid
    where d.datname = current_database() and r.rolname = %s and toplevel
"""
#: The same without transaction control.
STATEMENTS = f"""
    {ROUND_TRIPS}
    and query !~* '^(begin|commit|rollback|savepoint|release)'
"""


class Observer:
    """Connections of the benchmark to one system's database and to Redis."""

    def __init__(self, database: str) -> None:
        self.pg = servers.connect(database)
        self.redis = redis.Redis(host=places.HOST, port=places.redis_port())
        self.postmaster = places.pg_pid()
        self.redis_pid = int(self.redis.info("server")["process_id"])  # type: ignore[index]

    def __enter__(self) -> "Observer":
        return self

    def __exit__(self, *error: object) -> None:
        self.pg.close()
        self.redis.close()

    def value(self, sql: str, parameters: Any = None) -> Any:
        """Return the first column of the first row."""
        row = self.pg.execute(sql, parameters).fetchone()
        return row[0] if row else None

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.pg.execute(statement)

    def servers_cpu(self) -> float:
        """Return the CPU seconds of both servers, without the backend of this connection."""
        found = usage.table()
        main = found[self.postmaster]
        backends = usage.tree({self.postmaster}, found) - {self.pg.info.backend_pid}
        reaped = main.with_reaped - main.own
        return sum(found[pid].own for pid in backends) + reaped + found[self.redis_pid].own

    def counters(self) -> dict[str, float]:
        """Return what only grows; :func:`per_task` makes something of two of them."""
        return {
            "statements": self.value(STATEMENTS, [places.SYSTEM_ROLE]),
            "round_trips": self.value(ROUND_TRIPS, [places.SYSTEM_ROLE]),
            "wal": self.value("select (pg_current_wal_insert_lsn() - '0/0')::bigint"),
            "redis_commands": self.redis.info("stats")["total_commands_processed"],  # type: ignore[index]
            "servers_cpu": self.servers_cpu(),
        }

    def clients(self) -> int:
        """Return how many connections the measured system has; its last figures come as it goes."""
        return int(
            self.value(
                "select count(*) from pg_stat_activity"
                " where datname = current_database() and usename = %s",
                [places.SYSTEM_ROLE],
            )
        )


def per_task(before: dict[str, float], after: dict[str, float], count: int) -> dict[str, float]:
    """Return the growth of each counter, for one task of ``count``."""
    return {key: (after[key] - before[key]) / count for key in after}
