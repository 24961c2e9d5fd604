"""
``self.progress()`` and ``self.remaining()``: how a body tells how far it is, and what it is left.
"""

from typing import TYPE_CHECKING

from boogie.apps.tasks.tracking import track

if TYPE_CHECKING:
    from boogie.apps.tasks.execution.run import Run


class Telling:
    """The part of a task that tells of a run."""

    if TYPE_CHECKING:  # from BoogieTask

        @property
        def _current_run(self) -> Run | None: ...

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """
        Tell that ``done`` of ``total`` is done; ``note`` says what is being done.

        Written twice a second at most, and never an error of the body. Does nothing when the
        function was simply called.
        """
        track.progress(done, total, note)

    def remaining(self) -> float | None:
        """
        Return the seconds until the soft time limit of this run; 0 when it is over.

        ``None`` without a limit, in a ``call()``, and when the function was simply called.
        """
        from boogie.apps.tasks.execution.timing import limits

        run = self._current_run
        return None if run is None else limits.remaining(self, run)
