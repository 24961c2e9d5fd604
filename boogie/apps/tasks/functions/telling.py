"""
The signals of Django Tasks: a row was enqueued, has begun, has ended by itself.

Sent after the transition has committed, with ``send_robust``, as ours are; ``sender`` is the
class of the backend. Where nobody listens but Django's own receivers, which log at a level that is
off, nothing is made of a row.
"""

import logging
import weakref
from typing import Any

logger = logging.getLogger(__name__)


def enqueued(row: Any) -> None:
    """Tell that ``row`` was made, and waits."""
    if is_heard("task_enqueued", logging.DEBUG):
        _send("task_enqueued", row)


def started(row: Any) -> None:
    """Tell that an attempt of ``row`` has begun."""
    if is_heard("task_started", logging.INFO):
        _send("task_started", row)


def ended(row: Any, exception: BaseException | None = None) -> None:
    """
    Tell that ``row`` has ended. One that does not say so is read anew: it may be gone by now, or
    somebody else's.

    ``exception``: what its body raised; receivers find it in ``sys.exception()``, where
    Django's own looks for it.
    """
    if not is_heard("task_finished", logging.INFO if row.is_finished else logging.ERROR):
        return
    found = row
    if not row.is_ended:
        found = type(row)._base_manager.using(row._state.db).filter(pk=row.pk).first()
    if found is None or not found.is_ended:
        return
    if exception is None or found.is_finished:
        _send("task_finished", found)
        return
    trace = exception.__traceback__
    try:
        raise exception
    except BaseException:
        _send("task_finished", found)
    finally:
        exception.__traceback__ = trace


def is_told_of_success() -> bool:
    """Return whether anybody learns that a function has finished."""
    return is_heard("task_finished", logging.INFO)


def is_heard(name: str, level: int) -> bool:
    """Return whether anybody learns of a signal; ``level``: at which Django's own receiver logs."""
    from . import library

    if is_logged(name, level):
        return True
    own = getattr(library.signals, f"log_{name}", None)
    receivers = (receiver for _key, receiver, *_ in getattr(library.signals, name).receivers)
    found = (one() if isinstance(one, weakref.ReferenceType) else one for one in receivers)
    return any(one is not None and one is not own for one in found)


def is_logged(name: str, level: int) -> bool:
    """Return whether Django's own receiver of a signal logs it, at ``level``."""
    from . import library

    has_one = hasattr(library.signals, f"log_{name}")
    return has_one and bool(library.signals.logger.isEnabledFor(level))


def _send(name: str, row: Any) -> None:
    from . import library, results

    try:
        backend, result = library.backend_of(row.backend), results.of(row)
    except Exception as error:  # its function or its backend is gone; the row tells of it, too
        logger.warning("%s of %s is not told: %s", name, row, error)
        return
    getattr(library.signals, name).send_robust(sender=type(backend), task_result=result)
