"""
What is known of an object besides in rows about it, forgotten by a command.
"""

from boogie.apps.tasks.models import Task
from boogie.apps.tasks.models.objects import sets
from boogie.apps.tasks.monitoring import conditions


def forget_elsewhere(about: str) -> int:
    """Forget an object, ``app.model:key``; return how many rows about others named it."""
    rows = Task.objects.on_primary()
    named = conditions.objects_named("object", about)
    return sum(sets.forget_elsewhere(rows, model, key) for model, key in named)
