"""
How a scene is played to its end, whatever goes wrong in it, and what is said of it.
"""

import contextlib
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from faults.evidence import deaths
from faults.evidence.figures import Outcome

if TYPE_CHECKING:
    from faults.scene import Scene


def play(scene: "Scene", make: Callable[[], None], timed: bool) -> dict:
    """Have a scene play, and end; return its outcome."""
    begun = time.monotonic()
    outcome = scene.outcome
    try:
        with deaths.noted(scene.path):
            with noted(scene):
                make()
            with noted(scene):
                scene.stop_workers()
        with noted(scene):
            scene.close()
    finally:
        scene.kill_workers()
    outcome.seconds = time.monotonic() - begun
    say(outcome, timed)
    if not outcome.violations(timed):
        scene.forget()
    return outcome.as_dict()


@contextlib.contextmanager
def noted(scene: "Scene") -> Iterator[None]:
    """Have whatever goes wrong noted as a problem of the scene's outcome."""
    try:
        yield
    except Exception as error:
        traceback.print_exc(limit=-4, chain=False)
        scene.outcome.problems.append(f"{type(error).__name__}: {error}"[:500])


def say(outcome: Outcome, timed: bool) -> None:
    """Print an outcome in one line, and every promise that it broke."""
    more = "" if outcome.worst is None else f", recovery {outcome.median:.1f}/{outcome.worst:.1f} s"
    more += "" if outcome.extra is None else f", {outcome.extra} extra messages"
    lines = [
        f"{outcome.leg} {outcome.fault}: {outcome.runs} runs, {outcome.rows} rows, "
        f"lost {outcome.lost}, overlaps {outcome.overlaps}+{outcome.excused}, "
        f"late {outcome.late_writes}, twice {outcome.duplicates}{more} ({outcome.seconds:.0f} s)",
        *(f"    BROKEN: {text}" for text in outcome.violations(timed)),
    ]
    print("\n".join(lines), file=sys.stderr, flush=True)
