"""
A task as those see it who make rows, where some of its options are others.
"""

from collections.abc import Mapping
from typing import Any

from boogie.apps.tasks import current_app


class Adjusted:
    """A task as those see it who make rows: some of its options are others."""

    def __init__(self, task: Any, options: Mapping[str, Any]) -> None:
        self._task = task
        vars(self).update(options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    @property
    def row_priority(self) -> int:
        """The priority that a new row gets."""
        if self.priority is None:
            return int(current_app.setting(self.app, "task_default_priority") or 0)
        return int(self.priority)
