"""How the model is played: in one world, with processes and a broker that are none."""

import contextlib
import logging
import os

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from boogie.apps.tasks import current_app, identity
from boogie.apps.tasks.broker import doorbell, inspect
from boogie.apps.tasks.db import features
from boogie.apps.tasks.execution import start
from boogie.apps.tasks.keeper import ring
from boogie.apps.tasks.limiting import claim as limited
from boogie.apps.tasks.limiting import room
from tests.db.lifecycle.actors import Broker
from tests.db.lifecycle.model import SETTINGS, Rows
from tests.db.lifecycle.stage import fake_os, fake_time, stage


def search(examples):
    """
    Return how orders are looked for, ``examples`` in each world.

    Always the same, so that nobody's change fails for an order that it did not bring
    about. ``BOOGIE_EXAMPLES=5000`` looks for others.
    """
    return settings(
        max_examples=examples,
        derandomize="BOOGIE_EXAMPLES" not in os.environ,
        stateful_step_count=80,
        deadline=None,
        database=None,
        print_blob=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@contextlib.contextmanager
def in_world(world):
    """Have the model's processes take turns, and their task be that of ``world``."""
    current_app.celery_app().finalize()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rows, "world", world)
        patch.setattr(Rows, "task", world.declare())
        patch.setattr(Rows, "broker", broker := Broker())
        for module in (current_app, room):
            patch.setattr(module, "needs_ringing", lambda *app: True)
        patch.setattr(inspect, "depth", lambda queue: 0)
        patch.setattr(doorbell, "ring", broker.ring)
        patch.setattr(ring, "LYING", 0)
        for module in (start, identity):
            patch.setattr(module, "os", fake_os)
        patch.setattr(limited, "time", fake_time)
        # What a connection remembers is of no use where all processes share one; each has its pid.
        patch.setattr(features, "remembers", lambda connection: False)
        logging.disable()  # the log of every example, of which there are many
        try:
            with stage.open(), override_settings(BOOGIE_TASKS=SETTINGS):
                yield
        finally:
            logging.disable(logging.NOTSET)


def play(world, examples):
    """Look for an order of statements that breaks a promise; raise what tells of it."""
    with in_world(world):
        run_state_machine_as_test(Rows, settings=search(examples))
