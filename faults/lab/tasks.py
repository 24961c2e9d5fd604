"""
The bodies that are hurt. Each says in the journal when it begins and when it ends.

A body takes ``first`` seconds in its first attempt and ``later`` in those after it.
"""

import os
import signal
import threading
import time
from typing import Any

from boogie.apps.tasks import BoogieTask, Concurrency, task
from faults import journal
from faults.lab.models import Effect, Thing


def pause(attempt: int, first: float, later: float) -> None:
    time.sleep(first if attempt == 1 else later)


@task(bind=True)
def work(self: Any, thing: Thing, first: float = 0.0, later: float = 0.0) -> int:
    """Take some time; return the attempt, so that a write of a late run can be told."""
    with journal.body(self.row.pk, self.row.attempt):
        pause(self.row.attempt, first, later)
    return self.row.attempt


@task(bind=True, unique="live")
def only(self: Any, thing: Thing, first: float = 0.0, later: float = 0.0) -> int:
    """The same, of which one row is enough."""
    with journal.body(self.row.pk, self.row.attempt):
        pause(self.row.attempt, first, later)
    return self.row.attempt


@task(bind=True, limits=[Concurrency(1)])
def single(self: Any, thing: Thing, first: float = 0.0, later: float = 0.0) -> int:
    """The same, of which one runs at a time."""
    with journal.body(self.row.pk, self.row.attempt):
        pause(self.row.attempt, first, later)
    return self.row.attempt


@task(bind=True, limits=[Concurrency(2, by="object")])
def pair(self: Any, thing: Thing, first: float = 0.0, later: float = 0.0) -> int:
    """The same, of which two run at a time for each thing."""
    with journal.body(self.row.pk, self.row.attempt):
        pause(self.row.attempt, first, later)
    return self.row.attempt


@task(bind=True, atomic=True)
def exact(self: Any, thing: Thing, first: float = 0.0, later: float = 0.0) -> int:
    """Leave an effect in the transaction that settles the row."""
    with journal.body(self.row.pk, self.row.attempt):
        Effect.objects.create(row=str(self.row.pk), attempt=self.row.attempt)
        pause(self.row.attempt, first, later)
    return self.row.attempt


@task(bind=True)
def hold(self: Any, thing: Thing, path: str) -> int:
    """Keep a child busy until there is a file of that name."""
    with journal.body(self.row.pk, self.row.attempt):
        while not os.path.exists(path):
            time.sleep(0.05)
    return self.row.attempt


@task(bind=True)
def addressed(self: Any, thing: Thing, tenant: str, seconds: float = 0.0) -> int:
    """Run for a tenant; note if the message that brought the row was sent for another one."""
    with journal.body(self.row.pk, self.row.attempt):
        if self.request.get("tenant", tenant) != tenant:
            journal.note("stranger", self.row.pk, self.row.attempt)
        time.sleep(seconds)
    return self.row.attempt


class Mourned(BoogieTask):
    """A body that is not run again; its hook takes long, and ends as no hook should."""

    def run(self, thing: Thing, seconds: float, hook: float) -> int:
        """Take some time; ``hook`` are the seconds that mourning takes."""
        with journal.body(self.row.pk, self.row.attempt):
            time.sleep(seconds)
        return self.row.attempt

    def on_failure(self, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        journal.note("hook", task_id)
        time.sleep(args[2] if len(args) > 2 else kwargs["hook"])
        raise SystemExit("a hook that ends its thread")


mourned = Mourned.as_task(rescue=False, max_retries=0)


@task(bind=True)
def poison(self: Any, thing: Thing) -> None:
    """Kill the own process, every time."""
    journal.note("start", self.row.pk, self.row.attempt)
    journal.note("death")
    os.kill(os.getpid(), signal.SIGKILL)


# --- what cannot be stored ------------------------------------------------------------


class Awkward(Exception):
    """An exception that no pickle brings back, and whose text cannot be made."""

    def __init__(self, one: object, two: object) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def __str__(self) -> str:
        raise RuntimeError("no text")


@task(bind=True)
def returns(self: Any, thing: Thing, what: str) -> Any:
    """Return something that no JSON holds."""
    with journal.body(self.row.pk, self.row.attempt):
        return {"lock": threading.Lock(), "text": "\udc80", "number": float("nan")}[what]


@task(bind=True)
def raises(self: Any, thing: Thing, what: str) -> None:
    """Raise something that cannot be pickled, read, or stored as it is."""
    with journal.body(self.row.pk, self.row.attempt):
        raise {
            "awkward": Awkward(1, 2),
            "text": ValueError("\udc80 and \0"),
            "huge": ValueError("x" * 5_000_000),
        }[what]


# --- a deploy -------------------------------------------------------------------------

OLD, NEW = "faults.before_the_deploy", "faults.after_the_deploy"


def _renamed(self: Any, thing: Thing) -> int:
    with journal.body(self.row.pk, self.row.attempt):
        return self.row.attempt


#: The harness and workers of the new version know both names, those of the old one.
if os.environ.get("FAULTS_VERSION") == "old":
    renamed = task(bind=True, name=OLD)(_renamed)
elif os.environ.get("FAULTS_VERSION") == "careless":
    renamed = task(bind=True, name=NEW)(_renamed)
else:
    renamed = task(bind=True, name=NEW, aliases=[OLD])(_renamed)
