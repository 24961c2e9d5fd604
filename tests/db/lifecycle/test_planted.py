"""What the model is worth: each fault that is planted here breaks a promise, and is found."""

import os
import uuid

import pytest
from django.db import transaction

from boogie.apps.tasks.enqueue import unique as making
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.holds import switch
from boogie.apps.tasks.lifecycle import (
    holding,
    moving,
    places,
    states,
    transitions,
)
from boogie.apps.tasks.limiting import claim, handover, room, watch
from tests.db.lifecycle.playing import play
from tests.db.lifecycle.worlds import WORLDS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

#: Orders that are tried at most until a fault is found; what takes many is looked for with more.
EXAMPLES = int(os.environ.get("BOOGIE_EXAMPLES", "100"))
MANY = pytest.mark.skipif(EXAMPLES < 1000, reason="takes minutes: BOOGIE_EXAMPLES=1000")

world_of = {world.name: world for world in WORLDS}
FAULTS = []


def fault(world, found, *marks):
    """Note a fault: in which world it is looked for, and what the model says of it."""

    def note(plant):
        FAULTS.append(pytest.param(world, found, plant, id=plant.__name__, marks=marks))
        return plant

    return note


# --- unique tasks ---------------------------------------------------------------------


@fault("waiting", "two rows have one place")
def every_call_has_a_key_of_its_own(patch):
    patch.setattr(making.Keys, "of", lambda *about: uuid.uuid4().hex)


@fault("waiting", "two rows have one place")
def a_run_that_goes_back_takes_no_heed_of_a_newer_row(patch):
    def back(rows, row, move):
        with transaction.atomic():
            rows.filter(pk=row.pk).update(unique_key="")
            return move()

    patch.setattr(places, "back", back)


@fault("live", "two rows have one place")
def a_retry_by_hand_takes_no_heed_of_places(patch):
    def requeue(rows, row=None):
        with transaction.atomic():
            moving.guarded(rows, states.REQUEUE).update(unique_key="")
            return transitions.requeue(rows)

    patch.setattr(places, "requeue", requeue)
    patch.setattr(places, "requeue_one", requeue)


@fault("live", "two rows have one place")
def a_call_has_no_place(patch):
    def insert(row, debounce=None):
        row.unique_running &= row.status != states.RUNNING
        return _insert(row, debounce)

    _insert = making.insert
    patch.setattr(making, "insert", insert)


@fault("waiting", "a row waits for ever", MANY)
def a_lost_run_gives_way_to_nobody(patch):
    patch.setattr(losses, "_give_way", lambda row, error: None)


@fault("debounced", "calls have put a row off for ever")
def each_call_puts_the_row_off(patch):
    patch.setattr(making, "_terms", lambda row, debounce: (None, row.status == states.QUEUED))


# --- limits ---------------------------------------------------------------------------


@fault("one", "a row runs without")
def a_claim_takes_no_slot(patch):
    patch.setattr(room.Key, "_take_slot", lambda *about: None)


@fault("two", "rows run of", MANY)
def a_claim_asks_for_no_room(patch):
    patch.setattr(claim, "_blocks", lambda key, row: False)


@fault("one", "started before")
def a_claim_asks_for_nobody_older(patch):
    patch.setattr(room.Key, "older", lambda key, row: False)


@fault("two", "a row runs without")
def a_call_takes_no_slot(patch):
    patch.setattr(claim, "enter", lambda using, task, row, insert: insert())


@fault("one", "a row runs without")
def a_call_that_is_retried_gives_its_slot_back(patch):
    patch.setattr(claim, "go_on", lambda using, row: None)


@fault("one", "a row waits for ever|nobody comes")
def slots_of_the_dead_count(patch):
    def numbers(key):
        slots = claim.Slot.objects.filter(limit=key.key)
        return list(slots.values_list("number", flat=True))

    patch.setattr(room.Key, "_read_numbers", numbers)
    patch.setattr(handover, "_give_back", lambda using, key, row_id: None)


@fault("two", "nobody comes|a row waits for ever", MANY)
def nobody_is_woken(patch):
    patch.setattr(room.Key, "wake", lambda key: [])


@fault("rate", "too early")
def a_rate_forgets_who_has_started(patch):
    patch.setattr(room, "turn_of", lambda rate, next_start, now: now)


@fault("burst", "too early")
def a_burst_is_larger_than_declared(patch):
    def startable(rate, next_start, now, within=room.EARLY):
        return 1

    patch.setattr(room, "startable", startable)
    patch.setattr(room.Key, "_take_turn", lambda key, rate: room.Turn())


@fault("two", "a limit is left|a slot is left")
def limits_that_nobody_uses_are_not_forgotten(patch):
    patch.setattr(watch, "_forget", lambda using, stored: 0)


# --- holds ----------------------------------------------------------------------------


@fault("alone", "a row started that is held")
def a_claim_asks_for_no_hold(patch):
    patch.setattr(holding, "free", lambda rows, keys: rows)


@fault("alone", "rows sleep that nothing holds|a row waits for ever", MANY)
def a_release_wakes_nobody(patch):
    patch.setattr(switch, "wake", lambda key: 0)


@pytest.mark.usefixtures("_compiled_anew")
@pytest.mark.parametrize(("world", "found", "plant"), FAULTS)
def test_the_model_finds_what_is_planted(monkeypatch, world, found, plant):
    plant(monkeypatch)
    with pytest.raises(AssertionError, match=found):
        play(world_of[world], EXAMPLES)
