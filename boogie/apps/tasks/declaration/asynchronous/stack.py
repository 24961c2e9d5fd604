"""
Where Celery's requests of a task lie whose functions may be coroutines.
"""

from contextvars import ContextVar
from typing import Any


class ContextStack:
    """
    Celery's requests of a task, the innermost last, in place of those that Celery has for a thread.

    A coroutine, and what it starts, has those of the thread that waits for it.
    """

    def __init__(self, name: str) -> None:
        self._stack: ContextVar[tuple[Any, ...]] = ContextVar(f"boogie_tasks:{name}", default=())

    def push(self, request: Any) -> None:
        """Make ``request`` the innermost."""
        self._stack.set((*self._stack.get(), request))

    def pop(self) -> Any:
        """Take the innermost away and return it; ``None``: there is none."""
        *others, last = self._stack.get() or (None,)
        self._stack.set(tuple(others))
        return last

    def __len__(self) -> int:
        return len(self._stack.get())

    @property
    def stack(self) -> list[Any]:
        """All of them."""
        return list(self._stack.get())

    @property
    def top(self) -> Any:
        """The innermost, or ``None``."""
        stack = self._stack.get()
        return stack[-1] if stack else None
