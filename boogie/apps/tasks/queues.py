"""
Queues as people on call handle them: ``hold``, ``release`` and ``held``.
"""

from typing import Any

from boogie.apps.tasks import loops

__all__ = ["aheld", "ahold", "arelease", "held", "hold", "release"]


def hold(queue: str, *, by: Any = None, reason: str = "") -> bool:
    """
    Have no row of ``queue`` start from now on, in any worker; return whether it was not held yet.

    What runs goes on, rows are still made, and ``call()`` runs at once as ever. ``by`` is the user
    who asks for it. A hold that is there stays as it is, with who made it and since when.
    """
    loops.refuse("hold", "ahold")
    from boogie.apps.tasks.holds import naming, switch

    return switch.hold(naming.queue_key(queue), by, naming.checked_reason(reason))


def release(queue: str, *, by: Any = None, reason: str = "") -> bool:
    """Have the rows of ``queue`` start again; return whether it was held."""
    loops.refuse("release", "arelease")
    from boogie.apps.tasks.holds import naming, switch

    return switch.release(naming.queue_key(queue), by, naming.checked_reason(reason))


def held() -> list[str]:
    """Return the names of the queues that are held."""
    loops.refuse("held", "aheld")
    from boogie.apps.tasks.holds import looking

    return [hold.name for hold in looking.active() if hold.is_of_queue]


async def ahold(queue: str, *, by: Any = None, reason: str = "") -> bool:
    """Do what ``hold()`` does, in an event loop."""
    return await loops.aside(hold, queue, by=by, reason=reason)


async def arelease(queue: str, *, by: Any = None, reason: str = "") -> bool:
    """Do what ``release()`` does, in an event loop."""
    return await loops.aside(release, queue, by=by, reason=reason)


async def aheld() -> list[str]:
    """Do what ``held()`` does, in an event loop."""
    return await loops.aside(held)
