"""A project whose workers read one format alone, which is not JSON."""

import pytest

from boogie.apps.tasks.broker.connection import broker_pool
from tests.project.blog import tasks
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import titles

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def _pickled(settings):
    settings.CELERY_ACCEPT_CONTENT, settings.CELERY_TASK_SERIALIZER = ["pickle"], "pickle"
    broker_pool.forget()  # the doorbells of before are kept there
    yield
    broker_pool.forget()


@pytest.mark.usefixtures("_pickled")
def test_rows_run_and_hooks_get_their_arguments(worker, user):
    worker(env={"BOOGIE_FORMAT": "pickle", "C_FORCE_ROOT": "1"})
    assert tasks.hooked.delayed(user, "ha", number=2).wait(PATIENCE) == "haha"
    wait_until(lambda: titles(user) == ["haha ['ha'] {'number': 2}"], PATIENCE)
