"""
What the pages call spans of time and tasks.
"""

from datetime import timedelta

from boogie.apps.tasks.monitoring.durations import in_units
from boogie.apps.tasks.monitoring.durations import in_words as duration

__all__ = ["duration", "rough", "short_name"]


def rough(span: timedelta) -> str:
    """Return a span in its largest unit."""
    return in_units(int(span.total_seconds()), most=1)


def short_name(name: str) -> str:
    """Return the end of a task's dotted name, which tells it apart: module and function."""
    return ".".join(name.split(".")[-2:])
