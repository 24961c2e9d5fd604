"""
Celery's ``revoke`` and ``terminate``, for rows: cancelled at once, by each worker that hears of it.

Celery remembers the ids, and drops the messages that carry them. A row may have no message for
days, and may be retried by hand: its status tells whether it is to run, and nothing else does.
"""

from typing import Any

from celery.utils.functional import maybe_list
from celery.worker import control

from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.keeper import jobs

#: What Celery does at these words of remote control.
_celerys: dict[str, Any] = {word: control.Panel.data[word] for word in ("revoke", "terminate")}


def revoke(state: Any, task_id: Any, terminate: bool = False, **options: Any) -> Any:
    """Cancel rows, then do as Celery does for the others."""
    jobs.submit(losses.cancel_revoked, list(maybe_list(task_id) or []), bool(terminate))
    return _celerys["revoke"](state, task_id=task_id, terminate=terminate, **options)


def terminate(state: Any, signal: Any, task_id: Any, **options: Any) -> Any:
    """Cancel rows and kill what runs them, then do as Celery does for the others."""
    jobs.submit(losses.cancel_revoked, list(maybe_list(task_id) or []), True)
    return _celerys["terminate"](state, signal=signal, task_id=task_id, **options)


def connect() -> None:
    """Have workers do so; twice is once."""
    control.Panel.data.update(revoke=revoke, terminate=terminate)
