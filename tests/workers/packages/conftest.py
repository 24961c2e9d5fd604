"""A project with the packages of others, and programs of theirs beside a worker."""

import os
import subprocess
import sys

import pytest

from tests.project import services
from tests.support.processes import PATIENCE, ROOT, Process
from tests.support.waiting import wait_until

SETTINGS = """
from tests.minimal.settings import *

INSTALLED_APPS = [*INSTALLED_APPS, *{apps!r}]
{more}
"""


class Project:
    """The least project, with some apps more, and a database of its own."""

    def __init__(self, folder, apps, more, modules):
        if services.DATABASE != "sqlite" or services.BROKER != "boogie":
            pytest.skip("the same in every session: it has a database of its own and no broker")
        self.folder = folder
        self.processes = []
        (folder / "guest_settings.py").write_text(SETTINGS.format(apps=apps, more=more))
        for name, source in modules.items():
            (folder / f"{name}.py").write_text(source)
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith("CELERY")},
            "DJANGO_SETTINGS_MODULE": "guest_settings",
            "DATABASE_NAME": str(folder / "guest.sqlite3"),
            # What the session itself was given besides may be the package of others.
            "PYTHONPATH": os.pathsep.join(
                [str(folder), str(ROOT), os.environ.get("PYTHONPATH", str(ROOT))]
            ),
        }
        self.run("-m", "django", "migrate", "--verbosity", "0")

    def run(self, *command):
        """Run ``python``; return what it printed."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.env,
            timeout=2 * PATIENCE,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def python(self, code):
        """Run code in the project; return what it printed."""
        return self.run("-c", f"import django\ndjango.setup()\n{code}")

    def celery(self, *command, until=None):
        """Start ``celery`` with the app that we ship; wait until it has written ``until``."""
        log = self.folder / f"{command[0]}-{len(self.processes)}.log"
        app = [sys.executable, "-u", "-m", "celery", "-A", "boogie.apps.tasks"]
        one = Process([*app, *command], log, self.env)
        self.processes.append(one)
        if until is not None:
            wait_until(lambda: one.check() or until in one.log, PATIENCE, what=until)
        return one

    def worker(self, *options):
        """Start a worker of one child, and wait until it consumes."""
        return self.celery("worker", "-c", "1", "-l", "INFO", *options, until=" ready.")


@pytest.fixture
def project(tmp_path):
    """A function that makes a project with some apps, settings and modules more."""
    made = []

    def make(*apps, more="", **modules):
        made.append(Project(tmp_path, list(apps), more, modules))
        return made[-1]

    yield make
    for one in made:
        for process in reversed(one.processes):
            process.stop()
