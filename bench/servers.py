"""
PostgreSQL and Redis of the benchmark's own: free ports, a temporary folder, gone at the end.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import redis

from bench import places

SETTINGS = """
port = {port}
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track = all
max_connections = 100
shared_buffers = 512MB
max_wal_size = 4GB
checkpoint_timeout = 30min
"""


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Run both servers; their places are in the environment meanwhile."""
    base = Path(tempfile.mkdtemp(prefix="boogie-bench-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, base, ignore_errors=True)
        base.chmod(0o755)
        (base / "logs").mkdir()
        os.environ["BENCH_DIR"] = str(base)
        os.environ["BENCH_PG_PORT"] = str(free_port())
        stack.callback(stop, start_postgresql(base))
        os.environ["BENCH_REDIS_PORT"] = str(free_port())
        stack.callback(stop, start_redis(base))
        yield


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((places.HOST, 0))
        return int(probe.getsockname()[1])


def pg_binary(name: str) -> str:
    """Return a program of the newest PostgreSQL here; Debian keeps them off the path."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version)
    path = os.pathsep.join([*map(str, reversed(folders)), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        raise SystemExit(f"PostgreSQL's {name} is needed and was not found")
    return found


def _version(folder: Path) -> float:
    return float(folder.parent.name)


def start_postgresql(base: Path) -> "subprocess.Popen[bytes]":
    """Make a cluster in ``base`` and run it; not as root, which PostgreSQL refuses."""
    user = "postgres" if os.geteuid() == 0 else None
    data = base / "pg"
    data.mkdir(mode=0o700)
    if user:
        shutil.chown(data, user, user)
    initdb = [pg_binary("initdb"), "-D", data, "-A", "trust", "-U", places.OBSERVER_ROLE]
    initdb += ["-E", "UTF8", "--locale=C.UTF-8"]
    subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, user=user, cwd="/")
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(SETTINGS.format(port=places.pg_port()))
    with (base / "logs/postgresql.log").open("wb") as log:
        server = subprocess.Popen(
            [pg_binary("postgres"), "-D", data], stdout=log, stderr=log, user=user, cwd="/"
        )
    _until(lambda: connect("postgres").close(), server)
    with connect("postgres") as connection:
        connection.execute(f"create role {places.SYSTEM_ROLE} login superuser")
    return server


def start_redis(base: Path) -> "subprocess.Popen[bytes]":
    """Run a Redis that keeps its data as a careful user would have it."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise SystemExit("redis-server is needed and was not found")
    (base / "redis").mkdir()
    command = [binary, "--port", str(places.redis_port()), "--bind", places.HOST]
    command += ["--dir", str(base / "redis"), "--appendonly", "yes", "--save", ""]
    with (base / "logs/redis.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
    _until(lambda: redis.Redis(port=places.redis_port()).ping(), server)
    return server


def _until(answers: Callable[[], object], server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 30
    while True:
        try:
            answers()
            return
        except (psycopg.OperationalError, redis.ConnectionError):
            if time.monotonic() > end or server.poll() is not None:
                stop(server)
                raise
        time.sleep(0.1)


def stop(server: "subprocess.Popen[bytes]") -> None:
    """End a server of ours; PostgreSQL takes SIGINT for "now"."""
    server.send_signal(2)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def connect(database: str) -> "psycopg.Connection[tuple[object, ...]]":
    """Connect as the benchmark itself."""
    return psycopg.connect(
        host=places.HOST,
        port=places.pg_port(),
        user=places.OBSERVER_ROLE,
        dbname=database,
        autocommit=True,
    )
