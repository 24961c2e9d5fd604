"""
Making a row of a function of Django Tasks: about no object.
"""

from functools import partial
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from boogie.apps.tasks import current_app, limits, registry
from boogie.apps.tasks.db import commits
from boogie.apps.tasks.functions import finding, library, telling
from boogie.apps.tasks.functions.declared import options_of, rule_of
from boogie.apps.tasks.models import Task

from . import keys, limiting, one, times
from .draft import load, packed


def enqueue(task: Any, alias: str, args: Any, kwargs: Any) -> Task:
    """
    Insert a queued row for a call of ``task`` by the backend ``alias``, and return it.

    Or return the one that is there, of a unique task.
    """
    check_place(task)
    own = options_of(task)
    row = packed(
        finding.Signature(task),
        tuple(library.normalize_json(list(args))),
        library.normalize_json(dict(kwargs)),
        name=task.module_path,
        backend=alias,
        object_db="",
        queue=task.queue_name,
        priority=int(task.priority),
        rescue=True if own is None else own.rescue,
    )
    if (runner := registry.of_row(row)) is not None:
        load(runner, row)
    if limits.of_task(row.name):
        row.limits = limiting.values_of(row, None, row.args, row.kwargs)
    when = None if task.run_after is None else times.stored(task.run_after)
    debounce = None
    if (rule := rule_of(task)) is not None:
        by = keys.values(row.name, rule, (), tuple(args), dict(kwargs))
        row.unique_key = keys.digest(False, row.name, alias, by)
        row.unique_running, debounce = rule.is_live, rule.debounce
    if own is not None:
        row.expires = times.expiry(row.name, own.expires, one.begin(when, debounce))
    found = one.insert_queued(row, when, current_app.needs_ringing(), debounce)
    using = row._state.db or DEFAULT_DB_ALIAS
    if found is row and commits.is_told(connections[using]):
        transaction.on_commit(partial(telling.enqueued, row), using=using, robust=True)
    return found


def check_place(task: Any) -> None:
    """Raise ``InvalidTask`` if no worker would find ``task`` by the name that its row gets."""
    path = task.module_path
    if registry.get(path) is not None:
        raise library.InvalidTask(f"{path} is the name of a Boogie task, too.")
    if (reason := finding.problem(path)) is not None:
        raise library.InvalidTask(f"No worker would find {path}: {reason}") from reason
    if finding.find(path).func is not task.func:
        raise library.InvalidTask(f"No worker would find {path}: that is another function.")
