"""
What can be done with one schedule.
"""

from typing import Any, cast

from django.db import models

from boogie.apps.tasks import loops
from boogie.apps.tasks.db import clock
from boogie.apps.tasks.db.connections import written_to
from boogie.apps.tasks.db.moments import in_utc
from boogie.apps.tasks.db.reading import instances
from boogie.apps.tasks.exceptions import ObjectGone, UnknownTask
from boogie.apps.tasks.loops import has_twin
from boogie.apps.tasks.serialization import payloads


class ScheduleVerbs(models.Model):
    """The verbs of a schedule; it is read anew."""

    class Meta:
        abstract = True

    @has_twin
    def get_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """
        Return ``(args, kwargs)`` of its rows, with the instances that they refer to.

        Raise :class:`ObjectGone` if an instance is gone; it names the argument.
        """
        one: Any = self
        found = instances.arguments(one.args, one.kwargs)
        if found.gone is not None:
            first, reason = found.gone
            raise ObjectGone(payloads.gone(one.declaration, one.task, first, reason.why))
        return found.args, found.kwargs

    @has_twin
    def pause(self) -> bool:
        """
        Have it make no more rows; return whether that is new.

        A slot that is being made is given up: its other rows are not made, nor made up for.
        """
        running = models.Q(enabled=True) | models.Q(slot__isnull=False)
        changes = {"enabled": False, "slot": None, "cursor": ""}
        return self._moved(self._itself().filter(running).update(**changes))

    @has_twin
    def resume(self) -> bool:
        """
        Have it go on; return whether it was paused.

        Slots that passed in between are not made up for.
        """
        itself = self._itself()
        now = clock.read(itself.db)
        one: Any = itself.get()
        changes: dict[str, Any] = {"enabled": True, "error": "", "retry_at": None}
        paused = itself.filter(enabled=False)
        moved = 0
        if one.next_run is not None and in_utc(one.next_run) <= now:
            same = paused.filter(next_run=one.next_run)
            moved = same.update(next_run=one.next_after(now), **changes)
        # Whoever has set another time meanwhile knows better.
        return self._moved(moved or paused.update(**changes))

    @has_twin
    def run_now(self) -> Any:
        """
        Make its rows now, besides those of its slots; also while it is paused.

        Return the row about its object. Of a declared one: ``None``; what is more than one portion
        of rows is made by the keepers of workers. Raise :class:`UnknownTask` if its task, or its
        declaration, is gone, ``ObjectDoesNotExist`` if its object is.
        """
        one: Any = self
        task: Any = one.declaration
        if one.is_gone or task is None:
            why = f"no task is registered as {one.task!r}"
            why = "no code declares it any more" if one.declared else why
            raise UnknownTask(
                f"{one.name}: {why}; it makes no rows. Delete it, or bring that back."
            )
        row = task.make_schedule(one)
        self._moved(1)
        return row

    def _itself(self) -> Any:
        one: Any = self
        return type(one).objects.using(written_to(one)).filter(pk=one.pk)

    def _moved(self, number: int) -> bool:
        self.refresh_from_db(using=self._itself().db)
        return bool(number)

    # --- awaited --------------------------------------------------------------------------

    async def apause(self) -> bool:
        """Have it make no more rows; return whether that is new."""
        return cast(bool, await loops.aside(self.pause))

    async def aresume(self) -> bool:
        """Have it go on; return whether it was paused."""
        return cast(bool, await loops.aside(self.resume))

    async def arun_now(self) -> Any:
        """Make its rows now, besides those of its slots."""
        return await loops.aside(self.run_now)

    async def aget_arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """Return ``(args, kwargs)`` of its rows, with the instances that they refer to."""
        return cast(tuple[list[Any], dict[str, Any]], await loops.aside(self.get_arguments))
