"""Celery's own program on ``boogie://``, with an app that imports nothing of ours."""

import contextlib
import os
import subprocess
import sys
import tomllib

import pytest

from tests.house.projects import OWN_APP, make_project, python
from tests.house.sources import ROOT
from tests.support.waiting import wait_until

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


def environment(folder):
    """Return the environment of a process in the project, with none of this session's settings."""
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("CELERY_", "DJANGO", "PYTHON"))
    }
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "small",
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def celery(folder, *command):
    """Run ``celery -A own_app``; return its exit status and what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "own_app", *command],
        cwd=folder,
        env=environment(folder),
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


#: Of commands that are for workers, and of who asks them while there is none.
ALONE = {
    "status": "No nodes replied within time constraint",
    "inspect active": "No nodes replied within time constraint",
    "control shutdown": "No nodes replied within time constraint",
}


@pytest.mark.parametrize("command", ALONE)
def test_where_no_worker_is_nobody_answers(project, command):
    status, said = celery(project, *command.split())
    assert status == 69, said
    assert ALONE[command] in said


def test_one_of_ours_is_not_called_without_an_object(project):
    status, said = celery(project, "call", "before.in_init")
    assert status != 0
    assert "before.in_init is a Boogie task: use delayed(obj, ...)" in said


def test_a_worker_is_asked_and_told_and_its_events_are_seen(project, tmp_path):
    node = "only@here"
    with started(project, tmp_path, "worker", "-P", "solo", "-l", "INFO", "-n", node) as (
        worker,
        log,
    ):
        wait_until(lambda: " ready." in log.read_text(), 120)
        status, said = celery(project, "status")
        assert status == 0, said
        assert node in said
        with started(project, tmp_path, "events", "--dump") as (_, seen):
            wait_until(lambda: f"{node} " in seen.read_text(), 120)
        assert celery(project, "control", "shutdown", "-d", node)[0] == 69  # nobody answers to that
        assert worker.wait(120) == 0


@contextlib.contextmanager
def started(folder, directory, *command):
    """Start ``celery -A own_app``; yield the process and the file to which it writes."""
    log = directory / f"{command[0]}.log"
    with log.open("wb") as output:
        one = subprocess.Popen(
            [sys.executable, "-u", "-m", "celery", "-A", "own_app", *command],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield one, log
    finally:
        one.kill()
        one.wait()


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
