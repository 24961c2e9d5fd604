"""Two workers, their keepers and a user: no order of their statements breaks a promise."""

import logging
import os

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from boogie.apps.tasks import current_app
from boogie.apps.tasks.broker import doorbell, inspect
from boogie.apps.tasks.db import features
from boogie.apps.tasks.execution import start
from tests.db.lifecycle.actors import Broker, Sell
from tests.db.lifecycle.model import SETTINGS, Rows
from tests.db.lifecycle.stage import fake_os, stage
from tests.project import services
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(transaction=True)

EXAMPLES = {"sqlite": 50}.get(services.DATABASE, 50)

#: Always the same examples, so that nobody's change fails for an order that it did not bring
#: about. ``BOOGIE_EXAMPLES=5000`` looks for others.
SEARCH = settings(
    max_examples=int(os.environ.get("BOOGIE_EXAMPLES", EXAMPLES)),
    derandomize="BOOGIE_EXAMPLES" not in os.environ,
    stateful_step_count=80,
    deadline=None,
    database=None,
    print_blob=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(params=[None, "waiting", "live"])
def _on_stage(request, monkeypatch):
    current_app.celery_app().finalize()
    monkeypatch.setattr(Rows, "task", declared(Sell, unique=request.param))
    monkeypatch.setattr(Rows, "is_unique", request.param is not None)
    monkeypatch.setattr(Rows, "broker", broker := Broker())
    monkeypatch.setattr(current_app, "needs_ringing", lambda *app: True)
    monkeypatch.setattr(inspect, "depth", lambda queue: 0)
    monkeypatch.setattr(doorbell, "ring", broker.ring)
    monkeypatch.setattr(start, "os", fake_os)
    # What a connection remembers is of no use where all processes share one; each has its own pid.
    monkeypatch.setattr(features, "remembers", lambda connection: False)
    logging.disable()  # the log of every example, of which there are many
    with stage.open(), override_settings(BOOGIE_TASKS=SETTINGS):
        yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("_on_stage")
def test_no_order_of_the_statements_of_workers_keepers_and_a_user_breaks_a_promise():
    run_state_machine_as_test(Rows, settings=SEARCH)
