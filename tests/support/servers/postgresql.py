"""A PostgreSQL server of our own, on loopback and a free port, that may be hurt."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.servers.ports import HOST, free_port
from tests.support.servers.programs import find_postgresql

PATIENCE = 60.0

#: For a server that has to survive its own crash, and not that of the machine.
CARELESS = {"fsync": "off"}


class PostgresServer:
    """
    A cluster made by ``initdb``; its superuser is ``postgres`` and needs no password.

    PostgreSQL refuses to be root: then it is user postgres. The directory is removed when the
    server is closed.
    """

    def __init__(
        self,
        settings: Mapping[str, object] = CARELESS,
        initdb: Sequence[str] = ("--locale=C", "--no-sync"),
    ) -> None:
        find_postgresql("initdb")
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="boogie-postgres-"))
        self._user: dict[str, Any] = {}
        if os.geteuid() == 0:
            self._user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self.directory, "postgres", "postgres")
        self._data = self.directory / "data"
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", *initdb)
        self._configure({"port": self.port, "listen_addresses": HOST, **settings})

    def _configure(self, settings: Mapping[str, object]) -> None:
        lines = [f"{name} = '{value}'\n" for name, value in settings.items()]
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.writelines([*lines, "unix_socket_directories = ''\n"])

    def _run(self, program: str, *arguments: str) -> None:
        command = [find_postgresql(program), "-D", str(self._data), *arguments]
        done = subprocess.run(
            command,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=False,
            **self._user,
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr}{self._log()}")

    def _log(self) -> str:
        log = self.directory / "log"
        return log.read_text()[-3000:] if log.exists() else ""

    @property
    def pid(self) -> int:
        """The process that all others of the server descend from."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def start(self) -> "PostgresServer":
        """Start it and wait until it answers."""
        self._run("pg_ctl", *self._options, "start")
        return self

    def restart(self, mode: str) -> None:
        """Stop and start: ``fast`` ends every session, ``immediate`` is a crash."""
        self._run("pg_ctl", "-m", mode, *self._options, "restart")

    def refuse_writes(self, refuse: bool) -> None:
        """Be what a failover makes of a server for some moments, or no more."""
        import psycopg

        where = f"host={HOST} port={self.port} user=postgres dbname=postgres"
        writes = "-c default_transaction_read_only=off"
        with psycopg.connect(where, options=writes, autocommit=True) as connection:
            value = "on" if refuse else "off"
            connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
            connection.execute("SELECT pg_reload_conf()")

    @property
    def _options(self) -> tuple[str, ...]:
        return ("-w", "-l", str(self.directory / "log"))

    def close(self) -> None:
        """End it at once and remove its directory."""
        if (self._data / "postmaster.pid").exists():
            self._run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(self.directory, ignore_errors=True)
