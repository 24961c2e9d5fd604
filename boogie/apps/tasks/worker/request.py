"""
What the worker's main process sees of a run, and what it alone learns: that a child died.
"""

import os
from typing import Any

from billiard.einfo import ExceptionInfo, ExceptionWithTraceback  # type: ignore[attr-defined]
from celery.exceptions import Terminated, TimeLimitExceeded, WorkerLostError
from celery.utils.log import get_logger
from celery.worker import state
from celery.worker.request import Request

from boogie.apps.tasks import identity
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.keeper import jobs
from boogie.apps.tasks.serialization import secrets

from .forks import keepers, revive

logger = get_logger(__name__)

#: What events have that a body has made.
TEXTS = ("result", "exception", "traceback")


class BoogieRequest(Request):
    """
    The main process's view of one run. What only it learns goes to the keeper's thread.

    The row is found by the pid of the child, so that a duplicate of a message
    whose child dies takes nothing away from the child that runs the row.
    """

    _already_revoked: bool
    _already_cancelled: bool
    _argsrepr: str
    _kwargsrepr: str
    _announce_revoked: Any

    def __init__(self, message: Any, **options: Any) -> None:
        super().__init__(message, **options)
        # Read already, and a list in every format (pickle brings a tuple): what the claim finds is
        # put into it, for hooks and signals.
        request: Any = self
        *_, embed = request._payload
        request._body = ([], {}, embed)
        request._content_type = request._content_encoding = None

    @property
    def _process(self) -> Any:
        """The process that runs the body; a pool of greenlets gives the number of one of those."""
        return os.getpid() if identity.has_greenlets() else self.worker_pid

    def info(self, safe: bool = False) -> Any:
        """Return what ``celery inspect`` and events tell: of arguments what was shown, as text."""
        # In a pool without children the object itself is among them by now.
        return {**super().info(safe), "args": self._argsrepr, "kwargs": self._kwargsrepr}

    def send_event(self, type: str, **fields: Any) -> None:
        """Send an event as Celery does; of a task with secrets no text that may hold one."""
        if getattr(self.task, "sensitive", ()) or getattr(self.task, "encrypt", False):
            fields |= {name: secrets.MASK for name in TEXTS if fields.get(name) is not None}
        super().send_event(type, **fields)

    def revoked(self) -> bool:
        """
        Return whether the body must not begin here: nobody would know that it runs.

        A worker that does not say that it lives leaves its rows to others, since they
        would take them away from it. Ids that were revoked do not count: the claim of a row
        that was cancelled finds nothing, and one may have been retried by hand.
        """
        if all(one.is_well for one in keepers):
            return False
        if not self._already_revoked:
            self._already_revoked = True
            logger.warning("%s[%s] is left to others: no heartbeat", self.name, self.id)
            state.task_ready(self)
            self.acknowledge()
            jobs.submit(losses.give_back, [self.id])
            revive()
        return True

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """A soft limit is raised in the child; at a hard one the child is killed: the run fails."""
        if soft:
            super().on_timeout(soft, timeout)
            return
        state.task_ready(self)
        logger.info("Hard time limit (%ss) exceeded for %s[%s]", timeout, self.name, self.id)
        exception = TimeLimitExceeded(timeout)
        jobs.submit(losses.abandon_child, self.id, self._process, exception)
        self._acknowledge_late()

    def on_failure(
        self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False
    ) -> None:
        """A child that died has lost its run; other failures were settled by the child."""
        exception = exc_info.exception
        if isinstance(exception, ExceptionWithTraceback):
            exception = exception.exc
        if isinstance(exception, TimeLimitExceeded):
            return
        if isinstance(exception, Terminated):
            self._end_terminated(exception)
            return
        if not isinstance(exception, WorkerLostError | SystemExit | KeyboardInterrupt):
            super().on_failure(exc_info, send_failed_event, return_ok)
            return
        state.task_ready(self)
        who = "a body" if self._process == os.getpid() else f"the process {self._process}"
        how = f"{who} of {identity.worker_id()} died ({exception})"
        jobs.submit(losses.lose_child, self.id, self._process, how)
        self._acknowledge_late()

    def _end_terminated(self, exception: Exception) -> None:
        """The child was killed since the row was cancelled; that is no error of anybody's."""
        state.task_ready(self)
        if not self._already_revoked and not self._already_cancelled:
            self._announce_revoked("terminated", True, str(exception), False)
        jobs.submit(losses.tell_killed, self.id, self._process)

    def on_success(self, failed__retval__runtime: Any, **extra: Any) -> None:
        """
        Take what the pool says of a body that came to an end.

        Of one that raised ``SystemExit`` the pools without children give the bare
        error; Celery cannot read that, and would go on to think that it runs.
        """
        if isinstance(failed__retval__runtime, ExceptionInfo):
            self.on_failure(failed__retval__runtime, return_ok=True)
            return
        failed, outcome, _ = failed__retval__runtime
        if failed:
            self.on_failure(outcome, return_ok=True)
        else:
            self._celerys_on_success(failed__retval__runtime, **extra)

    _celerys_on_success: Any = Request.on_success

    def __init_subclass__(cls, **extra: Any) -> None:
        """Put ours in front again: Celery derives a class for each task that has its own."""
        super().__init_subclass__(**extra)
        cls._celerys_on_success = cls.on_success
        cls.on_success = BoogieRequest.on_success  # type: ignore[method-assign]

    def _acknowledge_late(self) -> None:
        """The row decides what happens next, never the broker."""
        if self.task.acks_late:
            self.acknowledge()
