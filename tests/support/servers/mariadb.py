"""A MariaDB server of our own, on loopback and a free port, that may be hurt."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.support.servers.ports import HOST, free_port
from tests.support.servers.programs import find
from tests.support.waiting import wait_until

PATIENCE = 60.0

#: The user that a project has, and its database: one whom ``read_only`` binds.
USER = DATABASE = "project"


class MariadbServer:
    """
    A ``mariadbd`` on tables made by ``mariadb-install-db``; its users need no password.

    MariaDB refuses to be root: then it is user mysql. The directory is removed when the
    server is closed. ``options`` of its command line may say what is otherwise.
    """

    def __init__(self, *options: str) -> None:
        self._program = find("mariadbd")
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="boogie-mariadb-"))
        # Two that share a directory of temporary files take each other's away.
        self._as: dict[str, Any] = {"env": {**os.environ, "TMPDIR": str(self.directory)}}
        if os.geteuid() == 0:
            self._as |= {"user": "mysql", "group": "mysql", "extra_groups": []}
            shutil.chown(self.directory, "mysql", "mysql")
        self._process: subprocess.Popen[bytes] | None = None
        self._more = options
        self._options = ["--no-defaults", f"--datadir={self.directory / 'data'}"]
        self._install()

    def _install(self) -> None:
        command = [
            *(find("mariadb-install-db"), *self._options, "--skip-test-db"),
            "--auth-root-authentication-method=normal",
        ]
        done = subprocess.run(
            command, cwd=self.directory, capture_output=True, timeout=PATIENCE, check=False,
            **self._as,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"mariadb-install-db: {done.stderr.decode()[-3000:]}")

    def start(self) -> "MariadbServer":
        """Start it and wait until it answers; make the project's user and database."""
        self._begin()
        for statement in (
            f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4",
            f"CREATE USER IF NOT EXISTS {USER}@'%'",
            f"GRANT ALL ON {DATABASE}.* TO {USER}@'%'",
        ):
            self._do(statement)
        return self

    def _begin(self) -> None:
        command = [
            *(self._program, *self._options, f"--port={self.port}", f"--bind-address={HOST}"),
            *(f"--socket={self.directory / 'socket'}", "--skip-name-resolve"),
            f"--pid-file={self.directory / 'pid'}",
            "--innodb-flush-log-at-trx-commit=2",  # has to survive its own crash alone
            *self._more,
        ]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.directory, stdout=log, stderr=log, **self._as
            )
        wait_until(self._answers, PATIENCE, what="mariadbd starts")

    def _answers(self) -> bool:
        import pymysql

        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"mariadbd: {(self.directory / 'log').read_text()[-3000:]}")
        with contextlib.suppress(pymysql.OperationalError):
            self._do("SELECT 1")
            return True
        return False

    def _do(self, statement: str) -> None:
        import pymysql

        connection = pymysql.connect(host=HOST, port=self.port, user="root")
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)

    # --- hurting ----------------------------------------------------------------------

    def restart(self, mode: str) -> None:
        """Stop and start: ``fast`` ends every session, ``immediate`` is a crash."""
        self._end(signal.SIGTERM if mode == "fast" else signal.SIGKILL)
        self._begin()

    def refuse_writes(self, refuse: bool) -> None:
        """Be what a failover makes of a server for some moments, or no more."""
        self._do(f"SET GLOBAL read_only = {int(refuse)}")

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)
            self._process = None

    def close(self) -> None:
        """End it at once and remove its directory."""
        self._end(signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)
