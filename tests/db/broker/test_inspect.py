"""What the broker is asked: how many doorbells wait in a queue, where there is one."""

import pytest
from celery import Celery

from boogie.apps.tasks import Task, current_app
from boogie.apps.tasks.broker import inspect
from boogie.apps.tasks.broker.connection import broker_pool
from boogie.apps.tasks.db.ids import uuid7
from boogie.apps.tasks.keeper import ring
from tests.support.queues import fresh_pool
from tests.support.rows import stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def line(monkeypatch):
    """Return a function that puts a broker with this URL at the end of the line."""
    apps = []

    def connect(url):
        app = Celery("rung", set_as_current=False, broker=url)
        apps.append(app)
        monkeypatch.setattr(current_app, "celery_app", lambda: app)
        fresh_pool(monkeypatch)
        return app

    yield connect
    for app in apps:
        app.close()


def test_a_queue_that_is_not_there_has_depth_0_and_one_that_is_its_messages(line):
    app = line("memory://")
    name = f"q-{uuid7()}"
    assert inspect.depth(name) == 0
    with app.connection_for_write() as connection, connection.SimpleQueue(name) as queue:
        for _ in range(3):
            queue.put("message")
        assert inspect.depth(name) == 3
        queue.clear()
    assert inspect.depth(name) == 0
    assert inspect.depth("") == 0


def test_a_broker_that_is_away_breaks_the_line_and_leaves_the_rows_as_they_are(line, caplog):
    line("redis://127.0.0.1:1/0")
    row = stored("queued", queue="q")
    assert ring.ring_due(["q"]) == 0
    assert broker_pool.is_broken
    assert Task.objects.get(pk=row.pk).due == row.due
    assert [r.levelname for r in caplog.records if r.name.startswith("boogie")] == ["WARNING"]
