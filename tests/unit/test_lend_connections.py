"""In which workers bodies share connections."""

from types import SimpleNamespace

import pytest
from celery.concurrency import gevent, prefork, solo, thread

from boogie.apps.tasks import identity
from boogie.apps.tasks.db.lending import bodies
from boogie.apps.tasks.worker.connections import lend_connections


def pool_of(module):
    return object.__new__(module.TaskPool)


@pytest.mark.parametrize(
    ("module", "concurrency", "limit", "started"),
    [
        (thread, 50, 14, [14]),
        (thread, 14, 14, []),  # each thread may have one of its own
        (thread, 50, 0, []),
        (gevent, 200, 14, [14]),
        (gevent, 4, 14, [14]),  # each run would have a new one
        (gevent, 200, 0, []),
        (prefork, 50, 14, []),
        (solo, 1, 14, []),
    ],
)
def test_bodies_share_connections_where_one_process_has_many(
    monkeypatch, settings, module, concurrency, limit, started
):
    settings.BOOGIE_TASKS = {"WORKER_CONNECTIONS": limit}
    found = []
    monkeypatch.setattr(bodies, "start", found.append)
    monkeypatch.setattr(identity, "has_greenlets", lambda: module is gevent)
    lend_connections(SimpleNamespace(pool=pool_of(module), concurrency=concurrency))
    assert found == started
