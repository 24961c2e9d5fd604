"""
A task that is held: none of its rows starts. No model is imported when this is.
"""

from typing import Any

from boogie.apps.tasks import loops


class Holding:
    """The part of a task that is held and released."""

    name: Any

    def hold(self, *, by: Any = None, reason: str = "") -> bool:
        """
        Have no row of this task start from now on; return whether it was not held yet.

        What runs goes on, rows are still made, and ``call()`` runs at once as ever. ``by`` is the
        user who asks for it. A hold that is there stays as it is.
        """
        loops.refuse("hold", "ahold")
        from boogie.apps.tasks.holds import naming, switch

        key = naming.held_key("task", self.name) or naming.task_key(self.name)
        return switch.hold(key, by, naming.checked_reason(reason))

    def release(self, *, by: Any = None, reason: str = "") -> bool:
        """Have the rows of this task start again; return whether it was held."""
        loops.refuse("release", "arelease")
        from boogie.apps.tasks.holds import naming, switch

        key = naming.held_key("task", self.name)
        return bool(key and switch.release(key, by, naming.checked_reason(reason)))

    @property
    def is_held(self) -> bool:
        """Whether this task is held, under any of its names (one query); not of its queue."""
        loops.refuse("is_held", "ais_held")
        from boogie.apps.tasks.holds import naming

        return naming.held_key("task", self.name) is not None

    async def ahold(self, *, by: Any = None, reason: str = "") -> bool:
        """Do what ``hold()`` does, in an event loop."""
        return await loops.aside(self.hold, by=by, reason=reason)

    async def arelease(self, *, by: Any = None, reason: str = "") -> bool:
        """Do what ``release()`` does, in an event loop."""
        return await loops.aside(self.release, by=by, reason=reason)

    async def ais_held(self) -> bool:
        """Return what ``is_held`` says, in an event loop."""
        return await loops.aside(lambda: self.is_held)
