"""
PostgreSQL and Redis of the benchmark's own: free ports, temporary folders, gone at the end.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg

from bench import places
from tests.support.servers.postgresql import PostgresServer
from tests.support.servers.redis_server import RedisServer

SETTINGS = {
    "shared_preload_libraries": "pg_stat_statements",
    "pg_stat_statements.track": "all",
    "max_connections": 300,
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
}

#: Redis keeps its data as a careful user would have it.
CAREFUL = ("--appendonly", "yes")


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Run both servers; their places are in the environment meanwhile."""
    base = Path(tempfile.mkdtemp(prefix="boogie-bench-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        (base / "logs").mkdir()
        os.environ["BENCH_DIR"] = str(base)
        postgres = PostgresServer(SETTINGS, ("--locale=C.UTF-8",))
        stack.callback(postgres.close)
        os.environ["BENCH_PG_PORT"] = str(postgres.port)
        os.environ["BENCH_PG_PID"] = str(postgres.start().pid)
        with connect("postgres") as connection:
            connection.execute(f"create role {places.SYSTEM_ROLE} login superuser")
        redis = RedisServer(*CAREFUL)
        stack.callback(redis.close)
        os.environ["BENCH_REDIS_PORT"] = str(redis.start().port)
        yield


def connect(database: str) -> "psycopg.Connection[tuple[object, ...]]":
    """Connect as the benchmark itself."""
    return psycopg.connect(
        host=places.HOST,
        port=places.pg_port(),
        user=places.OBSERVER_ROLE,
        dbname=database,
        autocommit=True,
    )
