"""
Tasks of our own: what does a verb to many rows, and what runs functions of Django Tasks.
"""

from functools import partial
from inspect import iscoroutinefunction
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from . import registry
from .declaration.base import BoogieTask
from .declaration.decorator import task
from .functions import finding
from .lifecycle import places
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
    Do a verb to many rows, for the user whom it is about, and return how many moved; of unique
    tasks also how many did not, since another row has their place.

    Begun anew after a lost worker it goes on with the rows that have not moved; each attempt has
    an entry in the log of who did what.
    """
    about = VERBS[verb]
    _check(user, about)
    selection = Selection.from_dict(chosen)
    total, seen, moved, taken = selection.movable(about).count(), 0, 0, 0
    log = audit.OfSelection(user, about, selection, reason)
    for rows in selection.chunks(about):
        self.check_cancelled()
        seen += len(rows)
        with transaction.atomic(using=rows.db):
            now = about.do(rows, user)
            moved += now
            log.say(moved)
        if verb == "retry" and now < len(rows):
            taken += places.taken(list(rows.all()))
        self.progress(min(seen, total), total, str(about.label))
    return {"verb": verb, "moved": moved, **({"taken": taken} if taken else {})}


def _check(user: Any, verb: Verb) -> None:
    """Ask again: between the page and the run a permission may have been taken away."""
    sees = any(user.has_perm(f"boogie_tasks.{what}_task") for what in ("view", "change"))
    if not (sees and verb.is_allowed(user)):
        needed = verb.permission if sees else "boogie_tasks.view_task"
        raise PermissionDenied(
            _("%(user)s may not do this any more: %(verb)s needs %(permission)s.")
            % {"user": user, "verb": verb.label, "permission": needed}
        )


class RunFunction(BoogieTask[Any, Any, Any]):
    """
    Runs every row without an object: a function of Django Tasks, found by the row's name.

    One for them all: a forked child cannot run what was registered after the fork.
    """

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; what its options say of errors is done here."""
        from .functions import deciding, library, results

        row: Any = self.row
        own, called = self._options, finding.find(row.name)
        if called.takes_context:
            args = (library.TaskContext(task_result=results.of(row)), *args)
        try:
            return self._call(called, args, kwargs)
        except Exception as error:
            if own is None or not deciding.is_retried(own, error):
                raise
            seconds = deciding.delay(own, row.retries)
            raise self.retry(
                exc=error, countdown=seconds, max_retries=deciding.retries(own)
            ) from error

    def _call(self, called: Any, args: Any, kwargs: Any) -> Any:
        """Call the function; a coroutine runs in the loop of the process, as those of our tasks."""
        if not iscoroutinefunction(called.func):
            return called.call(*args, **kwargs)
        from .execution.coroutines import waiting

        return waiting.complete(self, partial(called.func, *args, **kwargs), self._current_run)

    def serialize_result(self, result: Any) -> Any:
        """Return it as Django Tasks has it; raise the ``TypeError`` that it raises."""
        from .functions import library

        return library.normalize_json(result)

    @property
    def atomic(self) -> bool:  # type: ignore[override]
        """What the function says that runs here."""
        own = self._options
        return own is not None and bool(own.atomic)

    @property
    def _options(self) -> Any:
        from .functions import declared

        row = self.row
        return None if row is None else declared.options_of(finding.find(row.name))


function = RunFunction.as_task(name=registry.FUNCTION)
