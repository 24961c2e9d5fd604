"""
Named sets of rows, and the verbs that move them. No SQL is written here.
"""

from functools import partial
from typing import Any, Self, TypeVar

from django.db import connections, models, transaction
from django.db.models import F, Q, Window
from django.db.models.functions import Coalesce, RowNumber

from boogie.apps.tasks import identity, loops, priorities, registry
from boogie.apps.tasks.db import features, outages
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.db.reading.indexes import by_index
from boogie.apps.tasks.lifecycle import holding, places, states, timing, transitions
from boogie.apps.tasks.lifecycle.needs import leaving

from . import families, people
from .asynchronous.querysets import AwaitedQuerySetVerbs, not_on_managers
from .chained import removing
from .objects.sets import OfObjects
from .results import Results
from .schema import READY

#: Rows that one statement deletes, and rows that are looked up at one time to be deleted.
CHUNK, LOOK = 1000, 20_000

R = TypeVar("R", bound=models.Model)


class RowQuerySet(AwaitedQuerySetVerbs, OfObjects[R]):
    """Rows. Adjectives narrow the set; verbs move its rows and return how many moved."""

    def paused(self) -> Self:
        """Rows that wait for ``run()``."""
        return self.filter(status=states.PAUSED)

    def queued(self) -> Self:
        """Rows that wait for a worker, or for their time."""
        return self.filter(status=states.QUEUED)

    def running(self) -> Self:
        """Rows that a worker, or a ``call()``, runs now."""
        return self.filter(status=states.RUNNING)

    def finished(self) -> Self:
        """Rows with a result."""
        return self.filter(status=states.FINISHED)

    def failed(self) -> Self:
        """Rows whose last run failed for good."""
        return self.filter(status=states.FAILED)

    def cancelled(self) -> Self:
        """Rows that were cancelled."""
        return self.filter(status=states.CANCELLED)

    def ended(self) -> Self:
        """Rows that will not run again unless somebody retries them."""
        return self.filter(status__in=states.ENDED)

    def named(self, name: str) -> Self:
        """Rows of the task ``name``, those from before it was renamed included."""
        names = registry.names(name)
        return self.filter(name__in=names) if len(names) > 1 else self.filter(name=names[0])

    def due(self, since: float = 0.0) -> Self:
        """Queued rows whose due time came ``since`` seconds ago, by the database's clock."""
        return self.queued().filter(due__lte=Moment(-since))

    def late(self) -> Self:
        """Rows that wait, and that nobody has started by the time that they were to be."""
        return self.filter(timing.is_late())

    def in_turn(self, since: float = 0.0) -> Self:
        """Due rows in the order in which they are to run; of one queue, as an index has them."""
        due = self.due(since).order_by("-priority", "due")
        if features.has_partial_indexes(connections[self.db]):
            return due
        # The index is of all rows, and those that are held, or have ended, are due at no time: with
        # the priorities said they are not read, which lie before what is due. The planner would.
        return by_index(due.filter(priority__in=list(priorities.possible())), READY)

    def ready_in(self, queues: list[str], since: float = 0.0) -> Self:
        """
        Due rows of ``queues`` that are not held, in the order in which they are to run.

        Those that have been due for ``since`` seconds, or longer.
        """
        return holding.in_queues(self.in_turn(since), queues)

    def orphaned(self, alive: Any, timeout: float, call_limit: float) -> Self:
        """
        Running rows of workers not among ``alive``, a list of ids or a query for them.

        Only those claimed more than ``timeout`` seconds ago: a claim is a sign of life
        like a heartbeat, and the first one of a worker that was frozen. Rows that no
        worker runs, but a ``call()``, only after ``call_limit`` seconds.
        """
        lost = self.running().filter(started__lt=Moment(-timeout)).exclude(worker__in=alive)
        alone = Q(worker__startswith=identity.LONER)
        return lost.filter(~alone | Q(started__lt=Moment(-call_limit)))

    @not_on_managers
    def not_locked(self) -> list[R]:
        """
        Return the rows that no other transaction has locked, where the database can tell.

        A worker that froze while it committed holds its lock as long as its
        connection lives: a keeper that waited for it would seem dead itself.
        """
        found = list(self)
        connection = connections[self.db]
        if not found or not connection.features.has_select_for_update_skip_locked:
            return found
        with transaction.atomic(using=self.db):
            everything = self.model._base_manager.using(self.db)
            same = everything.filter(pk__in=[row.pk for row in found])
            keys = set(same.select_for_update(skip_locked=True).values_list("pk", flat=True))
        return [row for row in found if row.pk in keys]

    def open_failures(self) -> Self:
        """Failed rows that nobody has acknowledged."""
        return self.failed().filter(acknowledged=None)

    def stalled(self, seconds: float) -> Self:
        """Running rows whose progress has not moved for ``seconds``."""
        return self.running().filter(progressed__lte=Moment(-seconds))

    def requested_by(self, user: models.Model) -> Self:
        """Rows that ``user`` asked for."""
        return self.filter(requested_by_id=people.key_of(user), requested_by_id__gt="")

    def waiting_for(self, seconds: float) -> Self:
        """Queued rows that might have started ``seconds`` ago or earlier."""
        waiting = self.queued().exclude(timing.waits_for_others())
        waiting = waiting.annotate(since=Coalesce("not_before", "created"))
        return waiting.filter(since__lte=Moment(-seconds))

    def to_terminate(self, worker: str) -> Self:
        """Cancelled rows whose process, a child of ``worker``, is to be killed."""
        return self.cancelled().filter(terminate=True, worker=worker)

    def in_order(self) -> Self:
        """Rows in the order of their creation."""
        return self.order_by("created", "pk")

    def superseded(self) -> Self:
        """Rows other than the finished row that was created last for its task and object."""
        everything = self.model._base_manager.using(self.db)
        candidates = everything.filter(
            status=states.FINISHED, object_id__in=self.order_by().values("object_id")
        )
        place = Window(
            RowNumber(),
            partition_by=[families.task_name(), families.kind(self.db), "object_id", "object_db"],
            order_by=[F("created").desc(), F("pk").desc()],
        )
        last = candidates.annotate(place=place).filter(place=1)
        return self.exclude(Q(status=states.FINISHED) & Q(pk__in=last.values("pk")))

    def results(self) -> Results:
        """The deserialized results of the finished rows that were not erased, as these came."""
        return Results(self.finished().filter(erased=None).in_order())

    # --- verbs ------------------------------------------------------------------------

    @not_on_managers
    @loops.has_twin
    def run(self) -> int:
        """Queue the paused rows; they start within about a second."""
        return transitions.run(self.to_write())

    @not_on_managers
    @loops.has_twin
    def pause(self) -> int:
        """Pause the queued rows."""
        return transitions.pause(self.to_write())

    @not_on_managers
    @loops.has_twin
    def cancel(self, terminate: bool = False) -> int:
        """Cancel the rows that have not ended; ``terminate``: kill the processes that run them."""
        return transitions.cancel(self.to_write(), terminate)

    @not_on_managers
    @loops.has_twin
    def retry(self) -> int:
        """
        Queue the failed and cancelled rows again; they start within about a second.

        Of unique ones those whose place is free; of several with one key, the newest.
        """
        return places.requeue(self.to_write())

    @not_on_managers
    @loops.has_twin
    def run_now(self) -> int:
        """Have queued rows that wait for their time start at once."""
        return transitions.run_now(self.to_write())

    @not_on_managers
    @loops.has_twin
    def acknowledge(self, by: models.Model | None = None) -> int:
        """Have the failed rows no longer count as open: ``by`` has seen them."""
        return transitions.acknowledge(self.to_write(), people.key_of(by))

    @not_on_managers
    @loops.has_twin
    def clean(self, keep_last: bool = False, finished: bool = True) -> int:
        """
        Delete rows, never running ones, and return how many.

        ``finished``: only rows that have ended; else paused and queued ones too.
        ``keep_last``: keep the finished row created last for each task and object.
        """
        rows = self.to_write()
        rows = rows.ended() if finished else rows.exclude(status=states.RUNNING)
        return rows.superseded().remove() if keep_last else rows.remove()

    @not_on_managers
    def remove(self) -> int:
        """Delete the rows in chunks, guarded by their status; return how many went."""
        removed = 0
        condemned = self._condemned()
        while condemned:
            for start in range(0, len(condemned), CHUNK):
                removed += self._remove_chunk(condemned[start : start + CHUNK])
            condemned = self.filter(pk__gt=condemned[-1][0])._condemned()
        return removed

    def _condemned(self) -> list[removing.Known]:
        return list(self.order_by("pk").values_list(*leaving.KNOWN)[:LOOK])

    def _remove_chunk(self, condemned: list[removing.Known]) -> int:
        """Delete the listed rows that still have a status that may be deleted."""
        everything = self.model._base_manager.using(self.db)
        return outages.unlocked(self.db, partial(removing.remove, everything, condemned))
