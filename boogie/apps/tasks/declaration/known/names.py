"""
Names of options: ours, those of Celery's that mean something here, and what to say of others.
"""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from celery.contrib.django.task import DjangoTask

from boogie.apps.tasks.unique import OPTIONS as UNIQUE

#: What a task of ours has besides; each is an attribute of ``BoogieTask``.
OURS = (
    *("queue", "priority", "expires", "atomic", "rescue", "on_delete", "limits", *UNIQUE),
    *("aliases", "sensitive", "encrypt", "log"),
    *("label", "description", "danger", "model", "form", "permission"),
)

#: Options of Celery's that are no attributes of its task class.
AUTORETRY = (
    *("autoretry_for", "dont_autoretry_for", "retry_kwargs"),
    *("retry_backoff", "retry_backoff_max", "retry_jitter"),
)

#: Hooks that may be given as options, as in Celery.
HOOKS = (
    *("before_start", "on_success", "on_failure", "on_retry", "after_return", "on_bound"),
    *("serialize_result", "deserialize_result"),
)

_CELERYS = (
    *("max_retries", "default_retry_delay"),
    *("time_limit", "soft_time_limit", "rate_limit", "throws", "send_events"),
    *("acks_late", "acks_on_failure_or_timeout", "acks_on_failure", "acks_on_timeout"),
    *("reject_on_worker_lost", "retry_on_worker_lost"),
    *("resultrepr_maxsize", "Request", "Strategy"),
)
#: Celery's, which mean here what they mean there; some are of later versions.
CELERYS = (*AUTORETRY, *(option for option in _CELERYS if hasattr(DjangoTask, option)))

#: Celery's that would do nothing: which values are harmless, and why.
IN_VAIN: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "ignore_result": (
        (None, True),
        "results are in the rows, never in Celery's result backend; see results().",
    ),
    "store_errors_even_if_ignored": ((None, False), "errors are in the rows."),
    "track_started": ((None, False), "the status of a row that runs is always 'running'."),
    "serializer": ((None,), "arguments are JSON, in the row."),
    "typing": ((None, True), "arguments are always checked, before there is a row."),
    "trail": ((None, True), "which row made which is in parent_id."),
}

#: What Celery's settings give a class that has none of its own: nothing that would be in vain.
FROM_CONFIG = tuple(item for item in DjangoTask.from_config if item[0] not in IN_VAIN)

_LIMITS = "limits=[Concurrency(1, by='object')], or Rate(10, per=60)"
_UNIQUE = "unique='live', or 'waiting'"
_TIME = "schedule(time, obj) in place of delayed(obj)"
_QUEUE = "queue='name': a row waits in a queue, and nothing but its id is sent"
_RETRIES = "max_retries=3, with autoretry_for=[...] or self.retry()"
_ROW = "the row: its key is the id of the task"
_AFTER = "a receiver of task_finished or task_failed, or delayed() at the end of the body"

#: What people look for under other names: what to say in their place.
INSTEAD: Mapping[str, str] = {
    **dict.fromkeys(("limit", "rate", "rates", "concurrency", "max_concurrency", "lock"), _LIMITS),
    **dict.fromkeys(("once", "singleton", "unique_on", "unique_for", "dedupe"), _UNIQUE),
    **dict.fromkeys(("countdown", "eta", "run_after", "at"), _TIME),
    **dict.fromkeys(("queue_name", "exchange", "routing_key", "routing"), _QUEUE),
    **dict.fromkeys(("retries", "retry", "max_attempts", "autoretry"), _RETRIES),
    **dict.fromkeys(("backend", "result_backend", "result_serializer"), "results(), of the rows"),
    **dict.fromkeys(("task_id", "shadow", "shadow_name"), _ROW),
    **dict.fromkeys(("link", "link_error", "chain", "chord"), _AFTER),
    "timeout": "time_limit=60, or soft_time_limit=50",
    "result_expires": "BOOGIE_TASKS['RETENTION']",
    "takes_context": "bind=True, and self.row",
    "headers": "a class in BOOGIE_TASKS['CONTEXTS']",
    "compression": "nothing: what is sent is the id of a row",
    "pydantic": "serialize_result() and deserialize_result(), and JSON as arguments",
}


def refuse_unknown(name: str, option: str, bases: Iterable[type]) -> None:
    """Raise ``TypeError`` for what is no option of the task ``name``, nor of a class of its own."""
    if option in (*OURS, *CELERYS, *HOOKS, *IN_VAIN) or _is_own(option, bases):
        return
    known = (*OURS, *CELERYS, *HOOKS)
    raise TypeError(
        f"{name}: unknown option {option!r}{advice(option, known)} Options are {', '.join(OURS)}; "
        f"Celery's {', '.join(CELERYS)}; hooks such as on_failure; and attributes of a class of "
        f"your own."
    )


def advice(option: str, known: Iterable[str]) -> str:
    """Return what to say in place of ``option``, behind its name and up to the full stop."""
    if option in INSTEAD:
        return f"; say {INSTEAD[option]}."
    near = difflib.get_close_matches(option, list(known), n=1)
    return f"; is it {near[0]!r}?" if near else "."


def refuse_in_vain(name: str, cls: type, options: Mapping[str, Any]) -> None:
    """Raise ``TypeError`` for an option of Celery's that would do nothing for a row."""
    for key, (harmless, reason) in IN_VAIN.items():
        value = options.get(key, getattr(cls, key, None))
        if value not in harmless:
            raise TypeError(f"{name}: {key}={value!r} has no effect on a Boogie task: {reason}")


def _is_own(option: str, bases: Iterable[type]) -> bool:
    """Return whether a class has the attribute that is neither ours nor Celery's."""
    return any(
        option in vars(one)
        for base in bases
        for one in base.__mro__
        if one not in DjangoTask.__mro__ and not one.__module__.startswith("boogie.apps.tasks.")
    )
