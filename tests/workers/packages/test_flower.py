"""Flower beside a worker of ``boogie://``: its pages, and what can be done there."""

import json
import socket
import urllib.error
import urllib.request

import pytest

from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until

pytest.importorskip("flower")

pytestmark = pytest.mark.worker

WORK = """
from django.contrib.auth.models import User
from tests.minimal.tasks import greet, rename
user, _ = User.objects.get_or_create(username="Ada")
rename.delay(user.pk, "Ada")
print(greet.delayed(user, word="Ahoy").pk)
"""
NODE = "seen@flower"


class Flower:
    """Flower's interface for programs."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path, post=False):
        request = urllib.request.Request(self.url + path, data=b"" if post else None)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def json(self, path):
        status, text = self.get(path)
        return json.loads(text) if status == 200 else {}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def served(project):
    """A project, a worker that sends events, and Flower."""
    made = project()
    made.env["FLOWER_UNAUTHENTICATED_API"] = "1"
    worker = made.worker("-n", NODE, "-E")
    port = free_port()
    made.celery("flower", f"--port={port}", "--address=127.0.0.1")
    flower = Flower(port)
    wait_until(lambda: flower.get("/healthcheck")[0] == 200, PATIENCE)
    return made, worker, flower


def test_workers_and_tasks_are_shown(served):
    made, _, flower = served
    wait_until(lambda: NODE in flower.json("/api/workers?refresh=1"), PATIENCE)
    wait_until(lambda: NODE in flower.get("/workers")[1], PATIENCE)
    row = made.python(WORK).strip()

    def ended():
        found = flower.json("/api/tasks")
        return (
            len(found) == 2 and all(one["state"] == "SUCCESS" for one in found.values()) and found
        )

    found = wait_until(ended, PATIENCE)
    assert found[row]["name"] == "tests.minimal.tasks.greet"
    # What a row was given is in the row: a doorbell names the object, and has no arguments.
    assert found[row]["args"].startswith("(auth.user:")
    assert "Ahoy" not in found[row]["args"] + found[row]["kwargs"]
    (plain,) = [one for key, one in found.items() if key != row]
    assert plain["args"].endswith("'Ada')")
    assert flower.get(f"/task/{row}")[0] == 200


def test_what_is_done_there_reaches_the_worker(served):
    _, worker, flower = served
    wait_until(lambda: NODE in flower.json("/api/workers?refresh=1"), PATIENCE)
    status, said = flower.get(f"/api/worker/pool/grow/{NODE}?n=1", post=True)
    assert status == 200, said
    queue = f"/api/worker/queue/add-consumer/{NODE}?queue=more"
    assert flower.get(queue, post=True)[0] == 200
    worker.check()
    assert flower.get(f"/api/worker/shutdown/{NODE}", post=True)[0] == 200
    assert worker.ends()


def test_the_page_of_brokers_knows_none_but_its_own(served):
    _, _, flower = served
    status, said = flower.get("/broker")
    assert status == 404
    assert "broker is not supported" in said
