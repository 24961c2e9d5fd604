"""
How far a run has come, as its row has it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """
    ``done`` of ``total`` (``None``: nobody knows of how many), and what is being done.

    ``fraction``: 0 to 1, with the part of the step that goes on; ``None`` without a total.
    """

    done: float
    total: float | None = None
    note: str = ""
    fraction: float | None = None
