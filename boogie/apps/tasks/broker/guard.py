"""
What stands in front of ``send_task`` of every Celery app: no message for a Boogie task goes out
but a doorbell, and no callback or next step that names one.

Everything that Celery sends goes through there, whoever calls: a name, a schedule of beat, a
plain task with ``link=``.
"""

import inspect
from collections.abc import Iterator
from typing import Any

from celery import Celery

from boogie.apps.tasks import registry

#: Where a message names what is to be run after it.
FOLLOWERS = ("link", "link_error", "chain", "chord")
#: The same inside of a signature that is made of signatures.
MEMBERS = ("tasks", "header", "body")

_parameters = list(inspect.signature(Celery.send_task).parameters)[1:]


class Guard:
    """``send_task`` of one app, which refuses what would run nothing."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._patched = vars(app).get("send_task")

    @property
    def inner(self) -> Any:
        """What sends: Celery's own method, or what the project has put in its place."""
        return self._patched or type(self._app).send_task.__get__(self._app)

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Send a message, or raise ``TypeError``."""
        refuse({**dict(zip(_parameters, args, strict=False)), **options})
        return self.inner(*args, **options)


def install(app: Any) -> None:
    """Put a guard in front of what ``app`` sends by; twice is once."""
    if not isinstance(vars(app).get("send_task"), Guard):
        app.send_task = Guard(app)


def refuse(message: dict[str, Any]) -> None:
    """
    Raise ``TypeError`` for a message, told by the parameters of ``send_task``, that runs nothing.

    A doorbell has the id of a row, and no arguments.
    """
    name = message.get("name")
    is_bare = message.get("task_id") and not message.get("args") and not message.get("kwargs")
    if not is_bare and registry.get(str(name)) is not None:
        raise TypeError(
            f"{name} is a Boogie task: use delayed(obj, ...) or schedule(time, obj, ...) in place "
            f"of send_task(). A message without a row would run nothing."
        )
    for option in FOLLOWERS:
        for follower in _names(message.get(option)):
            if registry.get(follower) is not None:
                raise TypeError(
                    f"{follower} is a Boogie task: use delayed(obj, ...) in the body of {name}. "
                    f"A message without a row, as {option} makes it, would run nothing."
                )


def _names(signature: Any) -> Iterator[str]:
    """Yield the names of all tasks in a signature, or in a list of them."""
    if isinstance(signature, list | tuple):
        for one in signature:
            yield from _names(one)
    if not isinstance(signature, dict):
        return
    yield str(signature.get("task"))
    inner = signature.get("kwargs") or {}
    if signature.get("subtask_type"):  # a chain, group or chord
        yield from _names([inner.get(member) for member in MEMBERS])
    options = signature.get("options") or {}
    yield from _names([options.get(option) for option in FOLLOWERS])
