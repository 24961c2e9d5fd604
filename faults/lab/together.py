"""
Bodies that belong together: steps of chains and batches, whom batches call, and what is done again
and again.
"""

from datetime import timedelta
from typing import Any

from boogie.apps.tasks import Batch, recurring, task
from faults import journal
from faults.lab.models import Thing
from faults.lab.tasks import pause

#: How the things are called that ``digest`` is about, and how often it is, in seconds.
SUBSCRIBER, EVERY = "subscriber", 3.0


@task(bind=True)
def step(self: Any, thing: Thing, first: float = 0.0, later: float = 0.0) -> int:
    """Take some time, as others are after it, or beside it."""
    with journal.body(self.row.pk, self.row.attempt):
        pause(self.row.attempt, first, later)
    return self.row.attempt


@task(bind=True)
def stumbles(self: Any, thing: Thing) -> int:
    """Fail for good the first time: somebody has to retry it by hand."""
    with journal.body(self.row.pk, self.row.attempt):
        if self.row.attempt == 1:
            raise ValueError("it stumbled")
    return self.row.attempt


@task(bind=True)
def adds(self: Any, thing: Thing) -> int:
    """Have another row join its batch."""
    with journal.body(self.row.pk, self.row.attempt):
        step.using(batch=Batch.objects.get(pk=self.row.batch_id)).delayed(thing)
    return self.row.attempt


# --- whom batches call ----------------------------------------------------------------


@task(bind=True)
def succeeded(self: Any, thing: Thing, batch: Batch) -> int:
    """Be called once all rows of a batch have finished."""
    with journal.body(self.row.pk, self.row.attempt):
        return self.row.attempt


@task(bind=True)
def warned(self: Any, thing: Thing, batch: Batch) -> int:
    """Be called at the first row of a batch that fails for good."""
    with journal.body(self.row.pk, self.row.attempt):
        return self.row.attempt


@task(bind=True)
def archived(self: Any, thing: Thing, batch: Batch) -> int:
    """Be called once all rows of a batch have ended."""
    with journal.body(self.row.pk, self.row.attempt):
        return self.row.attempt


CALLED = {"on_success": succeeded, "on_failure": warned, "on_end": archived}


# --- again and again ------------------------------------------------------------------


@recurring(
    timedelta(seconds=EVERY), objects=lambda: Thing.objects.filter(label__startswith=SUBSCRIBER)
)
@task(bind=True)
def digest(self: Any, thing: Thing) -> int:
    """Be about each subscriber there is, once for each slot."""
    with journal.body(self.row.pk, self.row.attempt):
        return self.row.attempt


@task(bind=True)
def tick(self: Any, thing: Thing) -> int:
    """Be about one thing, once for each slot."""
    with journal.body(self.row.pk, self.row.attempt):
        return self.row.attempt


#: Those that raise nothing by themselves.
HARMLESS = (step, succeeded, warned, archived, digest, tick)
