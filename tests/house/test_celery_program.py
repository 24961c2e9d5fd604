"""Celery's own program on ``boogie://``: what it can do works, and what it cannot it says."""

import os
import subprocess
import sys
import tomllib

import pytest

from tests.house.projects import OWN_APP, make_project, python
from tests.house.sources import ROOT

METADATA = "Metadata-Version: 2.1\nName: small\nVersion: 0\n"


def entry_points():
    """Return what an installed package tells Celery's program, as an installer writes it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    commands = project["entry-points"]["celery.commands"]
    return "".join(["[celery.commands]\n", *(f"{k} = {v}\n" for k, v in commands.items())])


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose Celery app imports nothing of ours; its database is migrated."""
    folder = make_project(
        tmp_path_factory.mktemp("program"),
        'CELERY_BROKER_URL = "boogie://"',
        {
            "own_app.py": OWN_APP,
            "small-0.dist-info/METADATA": METADATA,
            "small-0.dist-info/entry_points.txt": entry_points(),
        },
    )
    python("from django.core.management import execute_from_command_line as run\n"
           "run(['manage.py', 'migrate', '--verbosity', '0'])", folder)  # fmt: skip
    return folder


def celery(folder, *command):
    """Run ``celery -A own_app``; return its exit status and what it printed."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("CELERY_", "DJANGO", "PYTHON"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "own_app", *command],
        cwd=folder,
        env={
            **kept,
            "DJANGO_SETTINGS_MODULE": "small",
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_plain_task_is_called_and_purged(project):
    status, said = celery(project, "call", "after.tasks.plain")
    assert (status, len(said.strip())) == (0, 36), said
    status, said = celery(project, "purge", "-f")
    assert status == 0, said
    assert "Purged 1 message from 1" in said


WORKS = {
    "list bindings": "Routing Key",
    "amqp queue.declare celery": "queue:celery",
    "boogie_status": "Broker: answers",
}


@pytest.mark.parametrize("command", WORKS)
def test_what_works(project, command):
    _, said = celery(project, *command.split())
    assert WORKS[command] in said, said


REFUSED = {
    "call before.in_init": "before.in_init is a Boogie task: use delayed(obj, ...)",
    "status": "boogie:// carries no remote control from process to process",
    "inspect active": "boogie:// carries no remote control from process to process",
    "control shutdown": "boogie:// carries no remote control from process to process",
    "events --dump": "boogie:// carries no events from process to process",
}


@pytest.mark.parametrize("command", REFUSED)
def test_what_does_not_is_refused_in_a_sentence(project, command):
    status, said = celery(project, *command.split())
    assert status != 0
    assert REFUSED[command] in said, said


def test_without_the_app_in_the_settings_it_says_so(tmp_path):
    make_project(tmp_path, 'INSTALLED_APPS = []\nCELERY_BROKER_URL = "boogie://"')
    source = """
        import boogie.apps.tasks
        from django.core.exceptions import ImproperlyConfigured
        from kombu import Connection

        try:
            Connection("boogie://").connect()
        except ImproperlyConfigured as error:
            print(error)
    """
    expected = "boogie:// needs 'boogie.apps.tasks' in INSTALLED_APPS.\n"
    assert python(source, tmp_path) == expected
