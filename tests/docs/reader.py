"""
A reader who does what a page says, in a directory of their own, with real processes.
"""

import contextlib
import importlib.metadata
import os
import signal
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.docs import databases, pages
from tests.docs.pages import ROOT, Step
from tests.support.processes import Process
from tests.support.servers.ports import HOST, accepts, free_port
from tests.support.waiting import wait_until

SESSION = Path(__file__).parent / "session.py"
START = "django-admin startproject"
SHELL = "python manage.py shell"
INSTALL = "python -m pip install django-boogie"
#: Seconds that any one command may take on a busy machine.
PATIENCE = 120


class Reader:
    """Does steps in ``directory``; ``close()`` ends the processes that were started."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.worker: Process | None = None
        self.worker_command = ""
        self.server: Process | None = None
        self.database = f"docs_{uuid.uuid4().hex}"
        self.env = {
            **os.environ,
            "READERS_DATABASE": self.database,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            # A checkout that is not installed is found here.
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "",
            # Files are written anew within a second: what was compiled of them would look fresh.
            "PYTHONDONTWRITEBYTECODE": "1",
            # The distribution that is tested must be the one that is found.
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        for name in ("DJANGO_SETTINGS_MODULE", "DATABASE", "BROKER"):
            self.env.pop(name, None)

    def do_all(self, steps: Iterable[Step]) -> None:
        """Do the steps; blocks typed into one shell share its names."""
        typed: list[Step] = []
        for step in steps:
            if step.language in ("python", "pycon") and step.mark == "":
                typed.append(step)
                continue
            self.type(typed)
            typed = []
            self.do(step)
        self.type(typed)

    def do(self, step: Step) -> None:
        """Do one step that is not typed into the shell."""
        if step.mark in ("file", "append"):
            self.write(step)
        elif step.mark == "settings":
            self.check_settings(step)
        elif step.mark == "restart":
            self.restart()
        elif step.mark == "dry-run":
            for command in pages.commands(step):
                self.run(step, f"{command} --dry-run", ROOT)
        elif step.language == "console" and step.mark != "skip":
            for command in pages.commands(step):
                self.command(step, command)

    def command(self, step: Step, command: str) -> None:
        if step.mark == "background":
            self.start(command)
        elif step.mark == "server":
            self.serve(command)
        elif command == INSTALL and not _is_installed():
            # A checkout that is not installed: see PYTHONPATH above.
            self.run(step, "python -c 'import boogie.apps.tasks'")
        elif command != SHELL:  # what is typed into it follows
            self.run(step, command)
            if command.startswith(START):
                self.choose_database()

    def choose_database(self) -> None:
        """Have a new project on the database of this session."""
        with next(self.directory.glob("*/settings.py")).open("a") as file:
            file.write(databases.settings())

    def run(self, step: Step, command: str, directory: Path | None = None) -> str:
        """Run a command to its end; return its output. It must succeed."""
        process = subprocess.Popen(
            ["bash", "-c", command],
            cwd=directory or self.directory,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            output, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            _kill(process)  # what it started, too
            output, _ = process.communicate()
            output += f"\nkilled after {PATIENCE} s"
        assert process.returncode == 0, f"{step}: {command}\n{output}\n{self.log()}"
        return output

    def type(self, steps: list[Step]) -> None:
        """Type the steps into one ``manage.py shell``."""
        if not steps:
            return
        typed = [(str(step), step.language, step.source) for step in steps]
        script = self.directory / "session.txt"
        script.write_text(f"STEPS = {typed!r}\n{SESSION.read_text()}")
        self.run(steps[0], f"{SHELL} < {script.name}")

    def write(self, step: Step) -> None:
        path = self.directory / step.argument
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() + "\n\n" if step.mark == "append" else ""
        path.write_text(before + step.source)

    def check_settings(self, step: Step) -> None:
        """Append the block to a copy of the settings; the system checks must find nothing."""
        package = next(self.directory.glob("*/settings.py")).parent
        variant = package / "variant.py"
        variant.write_text((package / "settings.py").read_text() + "\n\n" + step.source)
        settings = f"--settings={package.name}.variant"
        self.run(step, f"python manage.py check --fail-level WARNING {settings}")

    # --- the site -----------------------------------------------------------------------

    def serve(self, command: str) -> None:
        """Start a server, on a port that is free here; its first page must come."""
        port = free_port()
        words = ["bash", "-c", f"exec {command} {HOST}:{port}"]
        log = self.directory / "server.log"
        self.server = server = Process(words, log, self.env, self.directory)
        wait_until(lambda: accepts(port) or not server.lives, what="the server")
        assert server.lives, f"the server ended by itself\n{server.log}"
        with urllib.request.urlopen(f"http://{HOST}:{port}/admin/login/") as answer:
            assert answer.status == HTTPStatus.OK

    # --- the worker -------------------------------------------------------------------

    def start(self, command: str) -> None:
        """Start a worker that goes on running."""
        self.stop()
        self.worker_command = command
        command_line = ["bash", "-c", f"exec env {command}"]
        log = self.directory / "worker.log"
        self.worker = Process(command_line, log, self.env, self.directory)

    def restart(self) -> None:
        assert self.worker_command, "no page said how to start a worker"
        self.start(self.worker_command)

    def stop(self) -> None:
        """Ask the worker to end, as its terminal does on Ctrl+C."""
        worker, self.worker = self.worker, None
        if worker is None:
            return
        assert worker.lives, f"the worker ended by itself\n{self.log()}"
        worker.signal(signal.SIGINT)
        if not worker.ends():
            worker.kill()
            raise AssertionError(f"the worker did not end\n{self.log()}")

    def close(self) -> None:
        """End the worker and the server at once: nobody reads on."""
        for process in filter(None, (self.worker, self.server)):
            process.kill()
        self.worker = self.server = None

    def log(self) -> str:
        path = self.directory / "worker.log"
        return f"--- worker.log\n{path.read_text()}" if path.exists() else ""


def _kill(process: "subprocess.Popen[Any]") -> None:
    """Kill a process that leads its group, and the group: the pool of a worker."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _is_installed() -> bool:
    try:
        importlib.metadata.distribution("django-boogie")
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
