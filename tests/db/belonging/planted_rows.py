"""Faults in what makes rows wait for each other, and ends batches."""

from boogie.apps.tasks.enqueue.chained import behind
from boogie.apps.tasks.lifecycle.batched import members
from boogie.apps.tasks.lifecycle.needs import breaking, waking

from .planted import fault
from .world import World

# --- chains ---------------------------------------------------------------------------


@fault(World, "does not wait for what it is after")
def a_join_goes_on_after_the_first_need(patch):
    patch.setattr(waking, "_ready", lambda rows: rows.filter(is_after=True))


@fault(World, "does not wait for what it is after")
def a_row_that_is_made_does_not_wait(patch):
    patch.setattr(behind.Marked, "waits", False)


@fault(World, "in vain: one will never finish")
def giving_up_is_not_transitive(patch):
    def cancel(using, why):
        _cancel(using, why)
        return {}

    _cancel = breaking._cancel
    patch.setattr(breaking, "_cancel", cancel)


@fault(World, "has ended while rows are open|is called and|cannot add to its batch")
def a_batch_ends_while_rows_are_open(patch):
    patch.setattr(members, "open_rows", lambda rows, key: rows.filter(batch_id=key, name=""))
