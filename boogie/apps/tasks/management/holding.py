"""
``boogie_tasks hold`` and ``release``: what they take, and what they do.
"""

from typing import Any

from django.contrib.auth import get_user_model

from boogie.apps.tasks.holds import naming, switch

ACTIONS = {
    "hold": "have no row of a queue or task start until it is released",
    "release": "have the rows of a queue or task start again",
}


def add_parsers(actions: Any) -> None:
    """Add the two to a command."""
    for name, what in ACTIONS.items():
        parser = actions.add_parser(name, help=what)
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--queue", help="the name of a queue")
        which.add_argument("--task", help="the name of a task, or the path of a function")
        parser.add_argument("--by", metavar="USER", help="the name of the user who asks for it")
        parser.add_argument("--reason", default="", help="why, for those who look at it")


def carry_out(action: str, options: dict[str, Any]) -> tuple[str, bool]:
    """
    Hold or release; return what is to be said, and whether anything was done.

    Raise ``LookupError`` or ``ValueError`` for a name or a user that there is not.
    """
    kind = "queue" if options["queue"] is not None else "task"
    name, reason = options[kind], naming.checked_reason(options["reason"])
    by = _user(options["by"])
    held = naming.held_key(kind, name)
    if action == "release" and held is not None:
        is_done = switch.release(held, by, reason)
        return f"release: {held} {'is released' if is_done else 'was not held'}", is_done
    key = naming.queue_key(name) if kind == "queue" else naming.task_key(name)
    if action == "release":
        return f"release: {key} was not held", False
    is_done = switch.hold(held or key, by, reason)
    return f"hold: {held or key} {'is held' if is_done else 'was held already'}", is_done


def _user(name: str | None) -> Any:
    if name is None:
        return None
    users: Any = get_user_model()
    found = users._base_manager.filter(**{users.USERNAME_FIELD: name}).first()
    if found is None:
        raise LookupError(f"There is no user {name!r}.")
    return found
