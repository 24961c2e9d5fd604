"""How the worlds are played."""

from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from boogie.apps.tasks import schedules
from boogie.apps.tasks.batching import watch as batches
from boogie.apps.tasks.chains import watch as chains
from boogie.apps.tasks.scheduling import objects

STEPS = 25


@contextmanager
def small():
    """What is looked through, or made, at one time is a few rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects, "PORTION", 2)
        patch.setattr(chains, "ARROWS", 4)
        patch.setattr(chains, "ROWS", 2)
        patch.setattr(batches, "BATCHES", 2)
        patch.setattr(schedules, "_declared", {})
        yield


def play(world, examples, shrinks=True):
    """Play random histories; raise what the first one finds that breaks a promise."""
    phases = set(Phase) - (set() if shrinks else {Phase.shrink, Phase.explain, Phase.reuse})
    options = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        phases=phases,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    with small():
        run_state_machine_as_test(world, settings=options)
