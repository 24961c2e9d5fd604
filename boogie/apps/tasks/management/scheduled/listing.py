"""
``boogie_tasks schedules``: which there are, and how each is.
"""

from typing import Any

from boogie.apps.tasks.models import Schedule, families


def everything() -> list[dict[str, Any]]:
    """Return what is shown of each schedule, in the order of their names."""
    return [_shown(one) for one in Schedule.objects.on_primary().order_by("name").iterator()]


def line(shown: dict[str, Any]) -> str:
    """Return one schedule as a line."""
    when = f"{shown['when']} {shown['time_zone']}"
    state = f"{shown['state']}: {shown['error']}" if shown["error"] else shown["state"]
    about = shown["object"] or "what code declares"
    next_run = shown["next_run"] or "never"
    return "  ".join([shown["name"], state, shown["task"], about, when, f"next {next_run}"])


def _shown(one: Schedule) -> dict[str, Any]:
    return {
        "name": one.name,
        "state": _state(one),
        "task": one.task,
        "object": families.about(one),
        "when": one.when,
        "time_zone": one.time_zone,
        "missed": one.missed,
        "declared": one.declared,
        "enabled": one.enabled,
        "next_run": _iso(one.next_run),
        "last_run": _iso(one.last_run),
        "error": one.error or None,
    }


def _state(one: Schedule) -> str:
    if one.is_gone:
        return "gone"
    if not one.enabled:
        return "paused"
    if one.error:
        return "failing"
    return "never" if one.next_run is None else "on"


def _iso(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()
