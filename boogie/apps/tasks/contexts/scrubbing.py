"""
What is sensitive, masked in whatever an event holds: local variables of frames, too.
"""

from typing import Any

from boogie.apps.tasks.serialization import secrets

#: What holds no text.
PLAIN = (int, float, bool, type(None))


def scrubbed(value: Any, hidden: tuple[str, ...]) -> Any:
    """Return ``value`` without ``hidden`` texts; objects that would show one, as masked text."""
    if isinstance(value, str):
        return secrets.masked(value, hidden)
    if isinstance(value, PLAIN):
        return secrets.MASK if str(value) in hidden else value
    if isinstance(value, dict):
        return {scrubbed(key, hidden): scrubbed(item, hidden) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(item, hidden) for item in value]
    return _shown(value, hidden)


def _shown(value: Any, hidden: tuple[str, ...]) -> Any:
    try:
        text = repr(value)
    except Exception as error:
        return f"<repr() raised {type(error).__qualname__}>"
    masked = secrets.masked(text, hidden)
    return value if masked == text else masked
