"""
What ``boogie_tasks erase`` takes out besides what rows carry.
"""

from typing import Any

from boogie.apps.tasks.models import Task
from boogie.apps.tasks.models.objects import sets
from boogie.apps.tasks.monitoring import conditions
from boogie.apps.tasks.monitoring.filters import FILTERS


def forget_elsewhere(options: dict[str, Any]) -> int:
    """Forget an object about which all rows were erased; return how many other rows named it."""
    given = [name for name in ("ids", *FILTERS) if options.get(name)]
    if given != ["object"]:
        return 0
    rows = Task.objects.on_primary()
    named = conditions.objects_named("object", options["object"])
    return sum(sets.forget_elsewhere(rows, model, key) for model, key in named)
