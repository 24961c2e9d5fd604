"""
What ``boogie_tasks erase`` takes out besides what rows carry.
"""

from typing import Any

from boogie.apps.tasks.models import Task
from boogie.apps.tasks.models.objects import sets
from boogie.apps.tasks.monitoring import conditions
from boogie.apps.tasks.monitoring.filters import FILTERS


def forget_requesters(options: dict[str, Any]) -> int:
    """Have rows forget the user about whom all rows were erased; return how many did."""
    given = [name for name in ("ids", *FILTERS) if options.get(name)]
    if given != ["object"]:
        return 0
    rows = Task.objects.on_primary()
    named = conditions.objects_named("object", options["object"])
    return sum(sets.forget_requester(rows, model, key) for model, key in named)
