"""Children of a worker share what its main process has imported."""

import gc
from types import SimpleNamespace

import pytest
from celery import concurrency

from boogie.apps.tasks.worker import step


@pytest.mark.parametrize(("pool", "is_shared"), [("prefork", True), ("threads", False)])
def test_what_there_is_before_the_first_fork_is_not_gone_through_by_children(pool, is_shared):
    before = gc.get_freeze_count()
    try:
        step._share_memory(SimpleNamespace(pool_cls=concurrency.get_implementation(pool)))
        assert (gc.get_freeze_count() > before + 10_000) is is_shared
    finally:
        gc.unfreeze()
