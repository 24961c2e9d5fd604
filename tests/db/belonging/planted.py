"""How faults are planted, and noted."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest

#: Parameters of the test: a world, what the model says, and what plants the fault.
FAULTS = []

#: In place of a module: what it does in a transaction is done without one.
NO_TRANSACTION = SimpleNamespace(atomic=lambda **using: nullcontext())


def fault(world, found):
    """Note a fault: in which world it is looked for, and what the model says of it."""

    def note(plant):
        FAULTS.append(pytest.param(world, found, plant, id=plant.__name__))
        return plant

    return note
