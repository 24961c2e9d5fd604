"""
Tasks in the admin of other models: what ran on an object, and what can be started on it.

What a task asks for is decided in ``forms/``, what a verb does in ``monitoring/``.
"""
