"""
Which entries of ``CONTEXTS`` cannot work, for who looks before a row is made.
"""

from collections.abc import Iterable, Iterator

from django.core.exceptions import ImproperlyConfigured

from .carried import made


def problems(paths: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """
    Yield what system checks are to say of ``paths``: id of the check, text, and hint.

    A context may have a method ``check()``, which raises if it cannot work with these settings.
    """
    for path in paths:
        try:
            context = made(path).context
        except ImproperlyConfigured as error:
            hint = "List classes with capture() and restore(data), whose constructor takes nothing."
            yield "boogie_tasks.E010", str(error), hint
            continue
        try:
            getattr(context, "check", bool)()
        except Exception as error:  # it may import what is not installed
            reason = str(error) if isinstance(error, ImproperlyConfigured) else repr(error)
            hint = f"Correct that, or take {path!r} out of the list."
            text = f"BOOGIE_TASKS['CONTEXTS'] names {path!r}, which refuses: {reason}"
            yield "boogie_tasks.E013", text, hint
