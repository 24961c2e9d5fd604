"""Rows after each other, batches and schedules: no history breaks what is promised of them."""

import os

import pytest

from .playing import play
from .timetable import Timetable
from .world import World

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

EXAMPLES = int(os.environ.get("BOOGIE_EXAMPLES", "20"))


@pytest.mark.parametrize("world", [World, Timetable])
def test_nothing_is_left_out_or_done_twice_whatever_happens(world):
    play(world, EXAMPLES)
