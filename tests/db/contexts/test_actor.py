"""Who asked for a row, in the log entries of django-auditlog: a project of its own has that."""

import json
import os
import subprocess
import sys

import pytest

from tests.support.processes import ROOT

ACTOR = {"boogie.apps.tasks.contexts.Actor": True}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    env = {
        **os.environ,
        "DATABASE": "sqlite",
        "BOOGIE_SQLITE_DIR": str(tmp_path_factory.mktemp("audited")),
        "DJANGO_SETTINGS_MODULE": "tests.project.audited",
    }
    command = [sys.executable, "-m", "tests.project.audited"]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-5000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_entries_of_a_run_name_who_asked_for_the_row(told):
    assert told["asked"] == ["ann", None, ACTOR]
    assert told["called"] == "ann"


def test_rows_that_a_body_makes_have_the_same_actor(told):
    assert told["parent"] == ["ann", None, ACTOR]


def test_without_anybody_there_is_no_actor_and_nothing_is_left_of_the_last_one(told):
    assert told["nobody"] == [None, None, {}]
    assert told["again"] == [None, None, {}]


def test_the_user_is_read_only_where_there_is_an_entry(told):
    assert told["users read"] == 0
