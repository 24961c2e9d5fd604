"""Small Django projects in a temporary folder, and processes that run them."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.house.sources import ROOT

SETTINGS = """
from pathlib import Path

SECRET_KEY = "small"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "before",
    "boogie.apps.tasks",
    "after",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(__file__).parent / "small.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""

#: Two apps, one on each side of ours in INSTALLED_APPS, with tasks wherever they may stand.
FILES = {
    "before/__init__.py": """
        from boogie.apps.tasks import task

        @task
        def in_init(note):
            return note.text
    """,
    "before/models.py": """
        from django.db import models

        from boogie.apps.tasks import BoogieTask, task

        class Note(models.Model):
            text = models.CharField(max_length=100)

        @task(queue="slow")
        def in_models(note):
            return note.text

        class Shout(BoogieTask):
            def run(self, note):
                return note.text.upper()

        shout = Shout.as_task()
    """,
    "after/__init__.py": "",
    "after/tasks.py": """
        from celery import shared_task

        from boogie.apps.tasks import task

        @task
        def in_tasks(note, times=1):
            return note.text * times

        @shared_task
        def plain():
            return "plain"
    """,
}

#: The names of the project's tasks, as Celery makes them.
NAMES = ["after.tasks.in_tasks", "before.in_init", "before.models.Shout", "before.models.in_models"]

OWN_APP = """
    from celery import Celery

    app = Celery("own")
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.autodiscover_tasks()
"""


def make_project(folder: Path, settings: str = "", files: dict[str, str] | None = None) -> Path:
    """Write a project, ``small.py`` its settings, with more settings and files; return it."""
    everything = {"small.py": SETTINGS + textwrap.dedent(settings), **FILES, **(files or {})}
    for name, text in everything.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder


def python(
    source: str,
    folder: Path,
    *,
    settings: str = "small",
    path: Path | None = ROOT,
    executable: str = sys.executable,
) -> str:
    """Run ``source`` in ``folder``, warnings as errors; return what it printed."""
    command = [executable, "-W", "error", "-c", textwrap.dedent(source)]
    return run(command, folder, settings=settings, path=path)


def run(
    command: list[str], folder: Path, *, settings: str = "small", path: Path | None = ROOT
) -> str:
    """Run a command in ``folder``, which Python imports from, and ``path``; return its output."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "CELERY_", "DJANGO"))
    }
    places = [str(folder)] if path is None else [str(folder), str(path)]
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            **kept,
            "DJANGO_SETTINGS_MODULE": settings,
            "PYTHONPATH": os.pathsep.join(places),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout
