"""
Delays in the middle of a claim or a settlement, for faults that must strike there.

``FAULTS_INJECT`` is ``where:seconds``. Each notes in the journal that it has come
there, so that the fault is made at the right moment and not at a guessed one.
"""

import os
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from celery.signals import task_postrun
from django.db import transaction

from boogie.apps.tasks.batching import calling, ending
from boogie.apps.tasks.chains import handing
from boogie.apps.tasks.enqueue import many
from boogie.apps.tasks.execution import run, settle, start
from boogie.apps.tasks.keeper.beside import processes
from boogie.apps.tasks.limiting import handover, room
from boogie.apps.tasks.scheduling import objects
from faults import journal

VARIABLE = "FAULTS_INJECT"
#: Objects of a slot whose rows are one transaction.
PORTION = "FAULTS_PORTION"
#: Said to a worker that is to take part as if it were on a host of its own.
ALONE = "FAULTS_ALONE"


def install() -> None:
    """Put the delay of ``FAULTS_INJECT`` in, and note the end of every run."""
    if journal.VARIABLE not in os.environ:
        return
    task_postrun.connect(_note_postrun, weak=False, dispatch_uid="faults.postrun")
    if os.environ.get(ALONE):
        processes.place = lambda: ""
    objects.PORTION = int(os.environ.get(PORTION, objects.PORTION))
    where, _, seconds = os.environ.get(VARIABLE, "").partition(":")
    if where:
        INJECTIONS[where](float(seconds))


def _note_postrun(task_id: str, **extra: Any) -> None:
    # Connected after ours: the run has been settled.
    journal.note("postrun", task_id)


def _slow_commit_of_claim(seconds: float) -> None:
    """The claim's UPDATE is done, its COMMIT takes long."""
    original = start.claim_both

    @wraps(original)
    def claim_both(using: str, task_id: str, name: str) -> Any:
        with transaction.atomic(using=using):
            found = original(using, task_id, name)
            journal.note("claiming", task_id)
            time.sleep(seconds)
        return found

    start.claim_both = claim_both


def _slow_settling(seconds: float) -> None:
    """The body has ended, the settling UPDATE comes late."""
    settle.finish_now = _delayed(settle.finish_now, before=seconds)


def _slow_commit_of_settling(seconds: float) -> None:
    """The settling UPDATE of an atomic body is done, its COMMIT takes long."""
    settle.finish_now = _delayed(settle.finish_now, after=seconds)


def _delayed(
    original: Callable[[run.Run], None], before: float = 0.0, after: float = 0.0
) -> Callable[[run.Run], None]:
    seen: set[tuple[Any, int]] = set()

    @wraps(original)
    def finish_now(run: run.Run) -> None:
        key = (run.row.pk, run.row.attempt)
        first = key not in seen  # a settlement that is tried again is not delayed again
        seen.add(key)
        if first and before:
            journal.note("settling", *key)
            time.sleep(before)
        original(run)
        if first and after:
            journal.note("settling", *key)
            time.sleep(after)

    return finish_now


def _slow_lock_of_limit(seconds: float) -> None:
    """The lock of a limit is got; what is asked then comes late."""
    original = room.Key.older

    @wraps(original)
    def older(key: room.Key, row: Any) -> bool:
        journal.note("claiming", row.pk)
        time.sleep(seconds)
        return original(key, row)

    room.Key.older = older


def _slow_claim_with_slot(seconds: float) -> None:
    """A row is claimed and its slot is taken; nothing of it is committed for long."""
    original = room.Key.take

    @wraps(original)
    def take(key: room.Key, row: Any, attempt: int) -> Any:
        turn = original(key, row, attempt)
        journal.note("claiming", row.pk)
        time.sleep(seconds)
        return turn

    room.Key.take = take


def _slow_hand_over(seconds: float) -> None:
    """The row is settled; those who wait for its slot are woken late."""
    original = handover.hand_over

    @wraps(original)
    def hand_over(using: str, values: Any, row_id: Any = None) -> None:
        journal.note("handing", row_id)
        time.sleep(seconds)
        original(using, values, row_id)

    handover.hand_over = hand_over


def _slow_hand_on(seconds: float) -> None:
    """The row is settled; those that are after it are woken late."""
    handing.hand_on = _in_children("onward", handing.hand_on, seconds, is_before=True)


def _slow_ending(seconds: float) -> None:
    """The row is settled; whether it was the last one of its batch is looked for late."""
    ending.look = _in_children("ending", ending.look, seconds, is_before=True)


def _slow_calling(seconds: float) -> None:
    """The row that a batch calls is made; that is committed late."""
    calling.call = _in_children("calling", calling.call, seconds)


def _in_children(
    kind: str, original: Callable[..., Any], seconds: float, is_before: bool = False
) -> Callable[..., Any]:
    """Return ``original`` with a delay in children, which run rows; keepers do it as ever."""
    keeper = os.getpid()

    @wraps(original)
    def delayed(*args: Any, **options: Any) -> Any:
        found = None if is_before else original(*args, **options)
        if os.getpid() != keeper:
            journal.note(kind)
            time.sleep(seconds)
        return original(*args, **options) if is_before else found

    return delayed


def _slow_portion(seconds: float) -> None:
    """Rows about some of a slot's objects are made; that is committed late."""
    original = many.portion

    @wraps(original)
    def portion(*args: Any) -> Any:
        found = original(*args)
        journal.note("portion")
        time.sleep(seconds)
        return found

    many.portion = portion


def _no_limit(seconds: float) -> None:
    """No fault that happens: what the judge has to see, by which it is judged."""
    room.Key.free = lambda key: 100
    room.Key.older = lambda key, row: False


INJECTIONS = {
    "claim": _slow_commit_of_claim,
    "limit": _slow_lock_of_limit,
    "slot": _slow_claim_with_slot,
    "handover": _slow_hand_over,
    "onward": _slow_hand_on,
    "ending": _slow_ending,
    "calling": _slow_calling,
    "portion": _slow_portion,
    "greedy": _no_limit,
    "settle": _slow_settling,
    "commit": _slow_commit_of_settling,
}
