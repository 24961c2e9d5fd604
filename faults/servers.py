"""
Servers of our own, on loopback, a free port and a temporary directory: they may be hurt.
"""

import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE = 60.0


class Absent(Exception):
    """A server program is not installed here."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def accepts(port: int) -> bool:
    """Return whether somebody listens on a local port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def wait_for(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> None:
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {patience:.0f} s")
        time.sleep(0.02)


class RedisServer:
    """A ``redis-server`` that keeps nothing on disk: a restart forgets everything."""

    def __init__(self) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise Absent("redis-server is not installed")
        self.directory = tempfile.mkdtemp(prefix="boogie-redis-")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            *(binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.directory),
            *("--save", "", "--appendonly", "no"),
        ]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait_for(lambda: accepts(self.port), "redis-server starts")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)

    def waiting(self, queue: str) -> int:
        """Return how many messages of kombu's wait in a queue, whatever their priority."""
        import redis

        with redis.Redis.from_url(self.url) as client:
            keys = [key for key in client.scan_iter(f"{queue}*") if client.type(key) == b"list"]
            return sum(int(client.llen(key)) for key in keys)

    def flush(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as line:
            line.sendall(b"FLUSHALL\r\n")
            line.recv(64)

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


class PostgresServer:
    """A cluster made by ``initdb``. PostgreSQL refuses to be root: then it is user postgres."""

    def __init__(self) -> None:
        self._bin = _postgres_programs()
        self._user: dict[str, Any] = {}
        self.directory = Path(tempfile.mkdtemp(prefix="boogie-postgres-"))
        self.port = free_port()
        if os.geteuid() == 0:
            self._user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self.directory, "postgres", "postgres")
        self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        # A crash of the server, not of the machine, is what it has to survive.
        options = f"-p {self.port} -k {self.directory} -c listen_addresses=127.0.0.1 -c fsync=off"
        self._options = ("-w", "-l", str(self.directory / "log"), "-o", options)
        self._run("pg_ctl", *self._options, "start")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._bin / program), "-D", str(self.directory / "data"), *arguments]
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
            raise RuntimeError(f"{program}: {done.stderr}")

    def restart(self, mode: str) -> None:
        """Stop and start: ``fast`` ends every session, ``immediate`` is a crash."""
        self._run("pg_ctl", "-m", mode, *self._options, "restart")

    def close(self) -> None:
        self._run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(self.directory, ignore_errors=True)


def _postgres_programs() -> Path:
    """Return the directory of ``initdb`` and ``pg_ctl``; Debian keeps them off the PATH."""
    found = [shutil.which("initdb"), *glob.glob("/usr/lib/postgresql/*/bin/initdb")]
    existing = sorted(path for path in found if path)
    if not existing:
        raise Absent("initdb of PostgreSQL is not installed")
    return Path(existing[-1]).parent
