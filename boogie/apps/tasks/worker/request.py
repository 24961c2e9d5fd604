"""
What the worker's main process sees of a run, and what it alone learns: that a child died.
"""

import os
from typing import Any

from billiard.einfo import ExceptionInfo, ExceptionWithTraceback  # type: ignore[attr-defined]
from celery.exceptions import TimeLimitExceeded, WorkerLostError
from celery.utils.log import get_logger
from celery.worker import state
from celery.worker.request import Request

from boogie.apps.tasks import identity
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.keeper import jobs

from .forks import keepers, revive

logger = get_logger(__name__)


class BoogieRequest(Request):
    """
    The main process's view of one run. What only it learns goes to the keeper's thread.

    The row is found by the pid of the child, so that a duplicate of a message
    whose child dies takes nothing away from the child that runs the row.
    """

    _already_revoked: bool

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
        logger.error("Hard time limit (%ss) exceeded for %s[%s]", timeout, self.name, self.id)
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
        if not isinstance(exception, WorkerLostError | SystemExit | KeyboardInterrupt):
            super().on_failure(exc_info, send_failed_event, return_ok)
            return
        state.task_ready(self)
        who = "a body" if self._process == os.getpid() else f"the process {self._process}"
        how = f"{who} of {identity.worker_id()} died ({exception})"
        jobs.submit(losses.lose_child, self.id, self._process, how)
        self._acknowledge_late()

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
