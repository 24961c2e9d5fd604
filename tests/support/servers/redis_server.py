"""A Redis server of our own, on loopback and a free port, that may be hurt."""

import contextlib
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import redis

from tests.support.servers.ports import HOST, free_port
from tests.support.servers.programs import find
from tests.support.waiting import wait_until

PATIENCE = 60.0


class RedisServer:
    """
    A ``redis-server`` that keeps nothing on disk: it forgets everything when it ends.

    ``options`` of its command line may say otherwise. Its directory is removed when it is closed.
    """

    def __init__(self, *options: str) -> None:
        binary = find("redis-server")
        self.port = free_port()
        self.url = f"redis://{HOST}:{self.port}/0"
        self.directory = Path(tempfile.mkdtemp(prefix="boogie-redis-"))
        self._command = [
            *(binary, "--port", str(self.port), "--bind", HOST, "--dir", str(self.directory)),
            *("--save", "", "--appendonly", "no", *options),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "RedisServer":
        """Start it and wait until it answers."""
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._answers, PATIENCE, what="redis-server starts")
        return self

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"redis-server: {(self.directory / 'log').read_text()[-3000:]}")
        with contextlib.suppress(redis.ConnectionError), self.client() as client:
            return bool(client.ping())
        return False

    def client(self) -> redis.Redis:
        """Return a connection to it; whoever asks closes it."""
        return redis.Redis(host=HOST, port=self.port, socket_timeout=PATIENCE)

    def waiting(self, queue: str) -> int:
        """Return how many messages of kombu's wait in a queue, whatever their priority."""
        with self.client() as client:
            keys = [key for key in client.scan_iter(f"{queue}*") if client.type(key) == b"list"]
            return sum(int(client.llen(key)) for key in keys)

    # --- hurting ----------------------------------------------------------------------

    def flush(self) -> None:
        """Have it forget everything."""
        with self.client() as client:
            client.flushall()

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE)
            self._process = None

    def restart(self) -> None:
        """End it at once; start it, on the same port."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Have it take connections and never answer."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)

    def close(self) -> None:
        """End it and remove its directory."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
