"""Reusable Django applications; see :mod:`boogie.apps.tasks`."""

__version__ = "0.1.0"
