"""
Where a fleet is: servers of its own with room for many connections, and an empty database.

``DATABASE`` is ``postgresql`` or ``mariadb``, ``BROKER`` is ``boogie`` or ``redis``, as for the
tests. The servers listen on free ports, in temporary folders, and are gone at the end.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from tests.support.servers.mariadb import MariadbServer
from tests.support.servers.postgresql import PostgresServer
from tests.support.servers.redis_server import RedisServer

NAME = "boogie_fleet"

#: Connections that a server allows: of each worker those of its event loop, of what listens there,
#: and of up to four threads of its keeper.
CONNECTIONS = 2000

POSTGRESQL = {
    "shared_preload_libraries": "pg_stat_statements",
    "max_connections": CONNECTIONS,
    "shared_buffers": "1GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
}
MARIADB = (
    f"--max-connections={CONNECTIONS}",
    "--innodb-buffer-pool-size=1G",
    "--innodb-flush-log-at-trx-commit=1",
    "--performance-schema=ON",
    # Statements that only begin alike are told apart.
    "--max-digest-length=16384",
    "--performance-schema-max-digest-length=16384",
)


@contextlib.contextmanager
def prepared(settings: str = "bench.fleet.settings") -> Iterator[None]:
    """Run the servers for a block; set Django up on them, with empty tables."""
    os.environ.setdefault("DATABASE", "postgresql")
    os.environ["DJANGO_SETTINGS_MODULE"] = settings
    os.environ["DATABASE_NAME"] = NAME
    with contextlib.ExitStack() as stack:
        if os.environ.get("BROKER") == "redis":
            redis = RedisServer()
            stack.callback(redis.close)
            os.environ["BROKER"] = redis.start().url
        server: PostgresServer | MariadbServer
        if os.environ["DATABASE"] == "mariadb":
            server = MariadbServer(*MARIADB)
        else:
            server = PostgresServer(POSTGRESQL, ("--locale=C.UTF-8",))
        stack.callback(server.close)
        server.start()
        os.environ["DATABASE_PORT"] = str(server.port)
        import django

        django.setup()
        create(NAME)
        yield


def create(name: str) -> None:
    """Make a database, and its tables."""
    from django.core.management import call_command
    from django.db import connection, connections

    with connection._nodb_cursor() as cursor:  # type: ignore[attr-defined]
        charset = " CHARACTER SET utf8mb4" if connection.vendor == "mysql" else ""
        cursor.execute(f"CREATE DATABASE {name}{charset}")
    connections.close_all()
    before, connection.settings_dict["NAME"] = connection.settings_dict["NAME"], name
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION pg_stat_statements")
    call_command("migrate", verbosity=0)
    connections.close_all()
    connection.settings_dict["NAME"] = before


def gib() -> float:
    """Return how large the database is."""
    from django.db import connection

    size = {
        "postgresql": "SELECT pg_database_size(current_database())",
        "mysql": (
            "SELECT SUM(data_length + index_length) FROM information_schema.tables"
            " WHERE table_schema = DATABASE()"
        ),
    }
    with connection.cursor() as cursor:
        cursor.execute(size[connection.vendor])
        return float(cursor.fetchone()[0]) / 2**30


def where() -> str:
    """Return on what something is measured, in words."""
    from django.db import connection

    from boogie.apps.tasks import current_app

    rings = current_app.needs_ringing()
    broker = "Redis" if rings else "boogie://"
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    names: dict[str, Any] = {"postgresql": "PostgreSQL", "mysql": "MariaDB"}
    return (
        f"{names[connection.vendor]}, {broker}, {os.cpu_count()} processors, load {load} at the end"
    )
