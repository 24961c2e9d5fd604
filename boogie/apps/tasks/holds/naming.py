"""
Which names can be held. Errors say what is near.
"""

import difflib
from typing import Any

from boogie.apps.tasks import registry
from boogie.apps.tasks.functions import finding
from boogie.apps.tasks.lifecycle import holding
from boogie.apps.tasks.models import Hold

#: Characters of a name, and of a reason.
MAX_NAME, MAX_REASON = 255, 1000


def queue_key(name: Any) -> str:
    """Return the key of a hold of a queue; raise ``TypeError`` or ``ValueError`` for no name."""
    if not isinstance(name, str):
        raise TypeError(
            f"The name of a queue is text, not {name!r:.80} of type {type(name).__qualname__}."
        )
    if not name or len(name) > MAX_NAME or "\0" in name:
        raise ValueError(
            f"The name of a queue has 1 to {MAX_NAME} characters, none of them NUL; "
            f"it is {name!r:.80}."
        )
    return holding.of_queue(name)


def task_key(name: str) -> str:
    """
    Return the key of a hold of the task, or function of Django Tasks, that is called ``name``.

    Under the name that it has now. Raise ``LookupError`` for one that this process does not know.
    """
    task = registry.get(name)
    if task is not None:
        return holding.of_task(task.name)
    if name in finding.names or ("." in name and finding.problem(name) is None):
        return holding.of_task(name)
    raise LookupError(f"There is no task {name!r}{_near(name)}")


def _near(name: str) -> str:
    known = sorted({*(task.name for task in registry.declared()), *finding.names})
    near = difflib.get_close_matches(name, known, n=3)
    if not near:  # the last part alone is what people remember
        end = name.rpartition(".")[2]
        near = [one for one in known if one.rpartition(".")[2] == end][:3]
    return f"; is it {' or '.join(near)}?" if near else "."


def held_key(kind: str, name: str) -> str | None:
    """Return the key under which a queue or task is held, whether it is known here or not."""
    names = [name] if kind == "queue" else registry.names(name)
    keys = [f"{kind}:{one}" for one in names]
    found = Hold.objects.on_primary().active().filter(pk__in=keys)
    return found.values_list("pk", flat=True).first()


def checked_reason(reason: Any) -> str:
    """Return a reason as it is stored; raise ``TypeError`` or ``ValueError`` for none that can."""
    if not isinstance(reason, str):
        raise TypeError(
            f"A reason is text, not {reason!r:.80} of type {type(reason).__qualname__}."
        )
    if len(reason) > MAX_REASON or "\0" in reason:
        raise ValueError(f"A reason has at most {MAX_REASON} characters, none of them NUL.")
    return reason
