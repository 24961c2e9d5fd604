"""What the columns of a row say, before and after a step; nothing is asked here."""

from boogie.apps.tasks.conf import conf
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.lifecycle.states import ARROWS, CANCEL, CLAIM, FAIL, REQUEUE, RESCUE, RETRY
from tests.db.lifecycle.actors import DONE

#: Why a run was not repeated that gave way to a newer row.
SUPERSEDED = "boogie.apps.tasks.exceptions.Superseded"

#: Arrows that add to the errors of a row.
TELLING = (FAIL, RETRY, RESCUE)


def is_parked(row):
    """Return whether nobody looks at a queued row, but who wakes it."""
    return row["status"] == states.QUEUED and row["due"] is None


def is_at_hold(row):
    """Return whether a hold keeps a row back, which it had when it was looked at."""
    return is_parked(row) and row["held_by"].startswith(("queue:", "task:"))


def is_superseded(row):
    """Return whether a row was cancelled in favour of a newer one, of the task that has such."""
    errors = row["errors"]
    if row["status"] != states.CANCELLED or not errors or errors[-1]["type"] != SUPERSEDED:
        return False
    assert row["unique_key"]
    assert not row["unique_running"]
    return True


def arrow_between(old, new):
    """Return the arrow that leads from ``old`` to ``new``."""
    way = (old["status"], new["status"])
    found = [arrow for arrow in ARROWS if way[0] in arrow.sources and way[1] == arrow.target]
    assert found, f"no arrow leads from {way[0]} to {way[1]}"
    if set(found) == {RETRY, RESCUE}:
        return RETRY if new["retries"] > old["retries"] else RESCUE
    (arrow,) = found
    return arrow


def check_counts(arrow, old, new):
    """Check what an arrow counted, and told of."""
    anew = arrow is REQUEUE
    assert new["attempt"] == old["attempt"] + (arrow is CLAIM)
    assert new["retries"] == (0 if anew else old["retries"] + (arrow is RETRY))
    assert new["losses"] == (0 if anew else old["losses"] + (arrow is RESCUE))
    told = new["errors"][len(old["errors"]) :]
    assert new["errors"] == old["errors"] + told
    number = 2 if arrow is CANCEL and told and is_superseded(new) else arrow in TELLING
    assert [error["attempt"] for error in told] == [old["attempt"]] * number


def check(row, is_owned):
    """Check that the columns of a row agree with each other; ``is_owned``: a process runs it."""
    status = row["status"]
    assert (status in states.ENDED) == (row["ended"] is not None)
    if status == states.QUEUED:
        assert row["due"] is not None or row["held_by"]
    else:
        assert row["due"] is None
    assert (status == states.RUNNING) == is_owned
    assert row["result"] == (DONE if status == states.FINISHED else None)
    told = [error["attempt"] for error in row["errors"] if error["type"] != SUPERSEDED]
    assert told == sorted(set(told))
    assert row["losses"] <= conf.MAX_LOSSES
