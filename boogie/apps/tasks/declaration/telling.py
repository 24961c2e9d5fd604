"""
``self.progress()``: how a body tells how far it is.
"""

from boogie.apps.tasks.tracking import track


class Telling:
    """The part of a task that tells of a run."""

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """
        Tell that ``done`` of ``total`` is done; ``note`` says what is being done.

        Written twice a second at most, and never an error of the body. Does nothing when the
        function was simply called.
        """
        track.progress(done, total, note)
