"""
Forks Celery workers: ``python -m tests.support.prepared_process SOCKET``, for ``prepared.py``.

Each message on the socket asks for a worker; the worker answers with its id once it has a session
of its own, and this process tells how it ended. It ends itself when the other side is closed.

Nothing of Boogie or of a project is imported before the fork but what Celery's program does by
itself, and no setting is read: a worker finds all that is declared as one that was just started.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from typing import Any

#: What a worker imports before anything of its project, and that costs most of its start.
MODULES = (
    "celery.app.amqp",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.prefork",
    "celery.concurrency.thread",
    "celery.fixups.django",
    "celery.worker.consumer",
    "django.contrib.admin",
    "django.contrib.contenttypes.checks",
    "django.contrib.staticfiles.finders",
    "django.core.handlers.asgi",
    "django.core.handlers.wsgi",
    "django.core.management.commands.makemigrations",
    "django.core.management.commands.migrate",
    "django.db.migrations.executor",
    "django.db.models",
    "django.template.defaulttags",
    "django.template.loader_tags",
    "django.views.debug",
    "django.views.defaults",
)

#: Those of them that one has if it is on that database or broker.
DRIVERS = (
    "django.db.backends.postgresql.base",
    "kombu.transport.pyamqp",
    "kombu.transport.redis",
    "pymysql",
)

#: Bytes that a message has at most.
MOST = 1 << 18


def prepare() -> None:
    """Import what every worker imports."""
    for name in MODULES:
        importlib.import_module(name)
    for name in DRIVERS:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    # No collection in a child walks through what was there before, and copies its pages.
    gc.collect()
    gc.freeze()


def serve(line: socket.socket) -> dict[str, Any]:
    """Fork whenever asked to; return in the child, with what it was asked for."""
    children, woken = socket.socketpair()
    woken.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken.fileno())
    while True:
        ready, _, _ = select.select([line, children], [], [])
        if children in ready:
            children.recv(MOST)
            tell_of_ends(line)
        if line in ready:
            message = line.recv(MOST)
            if not message:
                sys.exit(0)
            if not os.fork():
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                children.close()
                woken.close()
                return json.loads(message)


def tell_of_ends(line: socket.socket) -> None:
    """Say of each child that has ended with which code."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            code = os.waitstatus_to_exitcode(status)
            line.send(json.dumps({"ended": pid, "code": code}).encode())


def become(worker: dict[str, Any], line: socket.socket) -> None:
    """Make this process what one that was started would be."""
    os.setsid()
    log = os.open(worker["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.environ.clear()
    os.environ.update(worker["env"])
    sys.argv = ["celery", *worker["options"]]
    line.send(json.dumps({"forked": os.getpid()}).encode())
    line.close()


def main(number: int) -> None:
    line = socket.socket(fileno=number)
    line.set_inheritable(False)
    prepare()
    become(serve(line), line)


if __name__ == "__main__":
    main(int(sys.argv[1]))
    runpy.run_module("celery", run_name="__main__", alter_sys=True)
