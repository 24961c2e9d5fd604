"""
A leg: one database and one broker, and how to hurt them.

A server that must die is ours; to the others goes a line that can be cut, and
what we make there has names of its own and is removed.
"""

import os
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.servers.mariadb import DATABASE, USER, MariadbServer
from tests.support.servers.ports import HOST, accepts
from tests.support.servers.postgresql import PostgresServer
from tests.support.servers.programs import Absent
from tests.support.servers.proxy import Proxy
from tests.support.servers.redis_server import RedisServer

#: Servers that we only visit.
RABBITMQ = os.environ.get("FAULTS_RABBITMQ", "amqp://guest:guest@127.0.0.1:5672//")

ALL = (
    "postgresql+redis",
    "postgresql+rabbitmq",
    "postgresql+boogie",
    "sqlite+boogie",
    "mariadb+redis",
    "mariadb+boogie",
)


class Leg:
    """One database and one broker. ``start()`` raises ``Absent`` where a server is missing."""

    def __init__(self, name: str, directory: Path | None = None) -> None:
        self.name = name
        self.database, self.broker = name.split("+")
        self.token = f"boogie_faults_{uuid.uuid4().hex[:8]}"
        #: Journals, and what workers say.
        self.directory = directory or Path(tempfile.mkdtemp(prefix="boogie-faults-"))
        #: The database's server; a file has none.
        self.server: PostgresServer | MariadbServer | None = None
        self.redis: RedisServer | None = None
        self.proxy: Proxy | None = None
        self.broker_url = "boogie://"

    def start(self) -> "Leg":
        self._start_broker()
        self.settings = self._start_database()
        return self

    # --- starting ---------------------------------------------------------------------

    def _start_broker(self) -> None:
        if self.broker == "redis":
            self.redis = RedisServer().start()
            self.broker_url = self.redis.url
        elif self.broker == "rabbitmq":
            if not accepts(urlsplit(RABBITMQ).port or 5672):
                raise Absent("no answer from RabbitMQ")
            self.proxy = Proxy(RABBITMQ, usual_port=5672)
            self.broker_url = self.proxy.url

    def _start_database(self) -> dict[str, Any]:
        if self.database == "sqlite":
            return _sqlite(self.directory / "faults.sqlite3")
        if self.database == "mariadb":
            self.server = mariadb = MariadbServer().start()
            return _server("mysql", mariadb.port, USER, DATABASE, charset="utf8mb4")
        self.server = postgres = PostgresServer().start()
        return _server("postgresql", postgres.port, "postgres", "postgres")

    # --- hurting ----------------------------------------------------------------------

    @property
    def has_broker(self) -> bool:
        """Whether there is a process beside the database to lose messages."""
        return self.broker != "boogie"

    def freeze_broker(self) -> None:
        self._line.freeze()

    def thaw_broker(self) -> None:
        self._line.thaw()

    @property
    def _line(self) -> Any:
        return self.redis or self.proxy

    def stop_broker(self, queues: list[str]) -> None:
        """Redis dies with all that it had; RabbitMQ's line is cut, and its queues are emptied."""
        if self.redis is not None:
            self.redis.kill()
        elif self.proxy is not None:
            self.proxy.cut("closed")
            self.flush_broker(queues)

    def start_broker(self) -> None:
        if self.redis is not None:
            self.redis.start()
        elif self.proxy is not None:
            self.proxy.cut()

    def flush_broker(self, queues: list[str]) -> None:
        """Lose the messages that wait."""
        if self.redis is not None:
            self.redis.flush()
        else:
            self.on_rabbitmq("queue_purge", queues)

    def waiting(self, queue: str) -> int:
        """Return how many messages wait in a queue that no worker has taken."""
        if self.redis is not None:
            return self.redis.waiting(queue)
        from kombu import Connection

        with Connection(RABBITMQ) as connection, connection.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).message_count)

    def on_rabbitmq(self, method: str, queues: list[str]) -> None:
        from kombu import Connection

        with Connection(RABBITMQ) as connection:
            for queue in queues:
                channel = connection.channel()
                try:
                    getattr(channel, method)(queue)
                except connection.channel_errors:
                    continue  # it was never made
                channel.close()

    # --- ending -----------------------------------------------------------------------

    def close(self) -> None:
        """End what is ours; what workers said in a scene that went wrong stays."""
        for server in (self.redis, self.proxy, self.server):
            if server is not None:
                server.close()
        for file in self.directory.glob("*.sqlite3*"):
            file.unlink()
        if any(self.directory.iterdir()):
            print(f"{self.name}: logs and journals are in {self.directory}", file=sys.stderr)
        else:
            self.directory.rmdir()


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def _server(engine: str, port: int, user: str, name: str, **options: Any) -> dict[str, Any]:
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "HOST": HOST,
        "PORT": port,
        "USER": user,
        "NAME": name,
        "CONN_MAX_AGE": 600,
        "OPTIONS": options,
    }
