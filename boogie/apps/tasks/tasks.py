"""
Tasks of our own. Each is a row like any other: visible, with progress, to be cancelled.
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.utils.translation import gettext as _

from .declaration.decorator import task
from .monitoring import audit
from .monitoring.selection import Selection
from .monitoring.verbs import BULK, VERBS, Verb


def _is_oneself(user: Any, obj: Any) -> bool:
    """Return whether somebody would have it done by their own permissions."""
    return bool(user == obj)


@task(bind=True, name=BULK, permission=_is_oneself)
def bulk(
    self: Any, user: Any, verb: str, chosen: dict[str, Any], reason: str = ""
) -> dict[str, Any]:
    """
    Do a verb to many rows, for the user whom it is about, and return how many moved.

    Begun anew after a lost worker it goes on with the rows that have not moved.
    """
    about = VERBS[verb]
    _check(user, about)
    selection = Selection.from_dict(chosen)
    total, seen, moved = selection.movable(about).count(), 0, 0
    try:
        for rows in selection.chunks(about):
            self.check_cancelled()
            seen += len(rows)
            moved += about.do(rows, user)
            self.progress(min(seen, total), total, str(about.label))
    finally:
        audit.of_selection(user, about, selection, moved, reason)
    return {"verb": verb, "moved": moved}


def _check(user: Any, verb: Verb) -> None:
    """Ask again: between the page and the run a permission may have been taken away."""
    sees = any(user.has_perm(f"boogie_tasks.{what}_task") for what in ("view", "change"))
    if not (sees and verb.is_allowed(user)):
        needed = verb.permission if sees else "boogie_tasks.view_task"
        raise PermissionDenied(
            _("%(user)s may not do this any more: %(verb)s needs %(permission)s.")
            % {"user": user, "verb": verb.label, "permission": needed}
        )
