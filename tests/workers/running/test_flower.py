"""Flower beside a real worker: it shows each run with its object."""

import json
import sys
import urllib.request

import pytest

from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.support.processes import PATIENCE, Process
from tests.support.project_worker import environment
from tests.support.servers.ports import free_port
from tests.support.waiting import wait_until
from tests.workers.traces import real_broker

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True), real_broker]

pytest.importorskip("flower")


@pytest.fixture
def flower(queue, tmp_path):
    """The address of a Flower that has begun to listen."""
    port = free_port()
    command = [sys.executable, "-m", "celery", "-A", "tests.project", "flower", f"--port={port}"]
    extra = {"FLOWER_UNAUTHENTICATED_API": "true", "FLOWER_ADDRESS": "127.0.0.1"}
    process = Process(command, tmp_path / "flower.log", environment(queue, **extra))
    try:
        wait_until(lambda: "Connected to" in process.log, PATIENCE, what="Flower is connected")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.stop()


def asked(url):
    with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
        return json.load(answer)


def test_flower_shows_the_object_and_the_end_of_a_run(worker, flower, user):
    worker("-E")
    post = Post.objects.create(author=user, title="shown")

    def heard():
        # Events from before it has begun to listen are heard by nobody: another run is made.
        row = tasks.count.delayed(post)
        row.wait(PATIENCE)
        found = asked(f"{flower}/api/tasks")
        return [one for one in found.values() if one["state"] == "SUCCESS"]

    (shown, *_) = wait_until(heard, PATIENCE)
    assert (shown["name"], shown["args"]) == (tasks.count.name, f"(blog.post:{post.pk},)")
