"""Tests of a project that somebody else might have, run by their runner in their own process."""

import os
import subprocess
import sys

from tests.house.projects import make_project
from tests.house.sources import ROOT

SETTINGS = """
    import os

    INSTALLED_APPS += ["django.contrib.auth"]
    MIGRATION_MODULES = {"before": None}
    CELERY_BROKER_URL = os.environ.get("SMALL_BROKER", "redis://127.0.0.1:1/0")  # nobody is there
    DATABASES["default"]["TEST"] = {"NAME": str(DATABASES["default"]["NAME"]) + ".test"}
    # Django copies the file for each process of --parallel, without its WAL.
    DATABASES["default"]["OPTIONS"].pop("init_command")
"""


def project(folder, tests, settings="", **files):
    """Write a project with ``test_small.py``."""
    everything = {"manage.py": MANAGE, "test_small.py": tests, **files}
    return make_project(folder, SETTINGS + settings, everything)


MANAGE = """
    import sys

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)
"""


def run(folder, *command, **extra):
    """Run ``python command`` there; return its exit status and what it printed."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("PYTHON", "PYTEST", "CELERY_", "DJANGO"))
    }
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={
            **kept,
            "DJANGO_SETTINGS_MODULE": "small",
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            **extra,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout


def manage(folder, *options, **extra):
    """Run ``manage.py test``."""
    return run(folder, "-W", "error", "manage.py", "test", *options, **extra)


def by_pytest(folder, *options, **extra):
    """Run pytest, with the plugin, whether or not this checkout is installed."""
    plugin = "boogie.apps.tasks.testing.plugin"
    return run(folder, "-m", "pytest", "-p", plugin, "-W", "error", "-q", *options, **extra)
