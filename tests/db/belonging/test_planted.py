"""What the model is worth: each fault that is planted breaks a promise, and is found."""

import os

import pytest

from . import planted_rows, planted_slots  # noqa: F401 - they note their faults
from .planted import FAULTS
from .playing import play

#: Histories that are tried at most until a fault is found.
EXAMPLES = int(os.environ.get("BOOGIE_EXAMPLES", "0"))

pytestmark = [
    pytest.mark.once,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(EXAMPLES < 100, reason="takes minutes: BOOGIE_EXAMPLES=100"),
]


@pytest.mark.usefixtures("_compiled_anew")
@pytest.mark.parametrize(("world", "found", "plant"), FAULTS)
def test_the_model_finds_what_is_planted(monkeypatch, world, found, plant):
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=found):
        play(world, EXAMPLES, shrinks=False)
