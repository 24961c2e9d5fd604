"""What a worker has done before it takes work."""

from types import SimpleNamespace

import pytest

from boogie.apps.tasks import Worker, current_app, identity
from boogie.apps.tasks.keeper import thread
from boogie.apps.tasks.worker import step as worker

pytestmark = pytest.mark.django_db


@pytest.fixture
def starting(monkeypatch):
    """A worker whose keeper's thread is slow to begin."""
    monkeypatch.setattr(thread.Threads, "begin", lambda self: None)
    identity.become_worker("here@host/1")
    yield SimpleNamespace(app=current_app.celery_app(), concurrency=2, pool=None, hub=None)
    worker._say_farewell()


def test_a_worker_is_known_before_its_pool_can_claim_a_row(starting):
    step = object.__new__(worker.KeeperStep)
    step.start(starting)
    assert Worker.objects.get().is_alive
