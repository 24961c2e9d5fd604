"""
Brokers that a test may hurt: a Redis server of its own, and a line to the session's broker.

Both on loopback and a free port; nothing here touches the shared servers.
"""

import contextlib
import select
import shutil
import socket
import subprocess
import threading
from urllib.parse import urlsplit

import redis

from tests.project import services
from tests.support.project_worker import PATIENCE
from tests.support.waiting import wait_until


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


# --- a Redis server -------------------------------------------------------------------


class RedisServer:
    """A ``redis-server`` that keeps nothing on disk: it forgets everything when it ends."""

    binary = shutil.which("redis-server")

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = None

    def start(self):
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no"}
        command = [self.binary, "--dir", str(self.directory)]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(self.answers, PATIENCE)

    def answers(self):
        with contextlib.suppress(redis.ConnectionError), self.client() as client:
            return client.ping()

    def client(self):
        return redis.Redis(port=self.port)

    def flush(self):
        with self.client() as client:
            client.flushall()

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE)
            self.process = None

    def restart(self):
        self.kill()
        self.start()


# --- a line to the session's broker ---------------------------------------------------


class Line:
    """
    A TCP proxy to the session's broker that can be cut.

    ``mode``: ``"open"``; ``"closed"``, who calls is hung up on; ``"silent"``,
    who calls is never answered. ``calls`` counts attempts to connect.
    """

    def __init__(self):
        url = urlsplit(services.broker_url())
        self._there = (url.hostname, url.port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._sockets = set()
        self._threads = []
        self.mode = "open"
        self.calls = 0
        port = self._server.getsockname()[1]
        self.url = services.broker_url().replace(f":{url.port}", f":{port}")
        self._start(self._listen)

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _listen(self):
        while True:
            try:
                caller, _ = self._server.accept()
            except OSError:  # closed
                return
            self.calls += 1
            if self.mode == "open":
                self._connect(caller)
            elif self.mode == "silent":
                self._keep(caller)
            else:
                caller.close()

    def _connect(self, caller):
        there = socket.create_connection(self._there, timeout=PATIENCE)
        self._keep(caller, there)
        self._start(self._pump, caller, there)

    def _keep(self, *ends):
        with self._lock:
            self._sockets.update(ends)

    def _pump(self, caller, there):
        with contextlib.suppress(OSError, ValueError):
            while True:
                for end in select.select([caller, there], [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return self._drop(caller, there)
                    (there if end is caller else caller).sendall(data)
        self._drop(caller, there)

    def _drop(self, *ends):
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        with self._lock:
            self._sockets.difference_update(ends)

    def cut(self, mode="open"):
        """Break every connection, as a broker does that restarts; then behave as ``mode``."""
        self.mode = mode
        with self._lock:
            ends = list(self._sockets)
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.cut("closed")
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for thread in self._threads:
            thread.join(PATIENCE)
        with self._lock:
            ends = list(self._sockets)
        self._drop(*ends)
