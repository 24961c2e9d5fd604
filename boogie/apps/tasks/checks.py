"""
System checks: settings that are broken are errors, settings that will hurt are warnings.

``boogie_tasks.E…`` and ``W…``; each names what is wrong and says what to do.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from celery import Celery
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router
from kombu.exceptions import SerializerNotInstalled
from kombu.serialization import prepare_accept_content

from . import current_app, registry
from .broker import quirks
from .broker.message import serializer
from .conf import Conf, conf
from .db import features
from .models import Announcement, Listener, Message, Task, Worker
from .models.stored import primary
from .serialization import sealing, unfit_contexts

SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
}


def register() -> None:
    """Register every check of this module."""
    for check in (
        check_settings,
        check_celery,
        check_contexts,
        check_router,
        check_children,
        check_models,
        check_encryption,
        check_sqlite,
    ):
        checks.register(check)


def check_settings(**options: Any) -> list[checks.CheckMessage]:
    """E001, E002: ``BOOGIE_TASKS`` itself."""
    return [
        checks.Error(
            message,
            hint=f"Known keys: {', '.join(Conf.names())}.",
            id="boogie_tasks.E002" if key in Conf.names() else "boogie_tasks.E001",
        )
        for key, message in conf.problems()
    ]


def check_celery(**options: Any) -> list[checks.CheckMessage]:
    """E003, E004, W001 to W003 and W005: the Celery app, its schedule and its broker."""
    if list(conf.problems()):
        return []
    try:
        app = current_app.celery_app()
    except ImproperlyConfigured as error:
        hint = "Name the Celery app as 'package.module.app' or 'package.module:app'."
        return [checks.Error(str(error), hint=hint, id="boogie_tasks.E003")]
    return list(_app_warnings(app))


def _app_warnings(app: Celery) -> Iterator[checks.CheckMessage]:
    if not (app.conf.broker_url or app.conf.broker_write_url):
        yield checks.Warning(
            f"The Celery app {app.main!r} names no broker; Celery takes RabbitMQ on localhost.",
            hint='Set CELERY_BROKER_URL = "boogie://" to run tasks from the database alone.',
            id="boogie_tasks.W001",
        )
    if app.conf.task_always_eager:
        yield checks.Warning(
            "task_always_eager has no effect on Boogie tasks; their rows stay queued.",
            hint="In tests use call(), or run a worker; see the documentation on testing.",
            id="boogie_tasks.W002",
        )
    yield from _schedule_errors(app)
    yield from _format_warnings(app)
    ranked = sorted(task.name for task in registry.declared() if task.priority)
    on_rabbitmq = quirks.is_rabbitmq(current_app.broker_scheme(app))
    if ranked and on_rabbitmq and not app.conf.task_queue_max_priority:
        yield checks.Warning(
            f"RabbitMQ ignores the priority of {', '.join(ranked)}.",
            hint="Set CELERY_TASK_QUEUE_MAX_PRIORITY = 9 (existing queues must be deleted first).",
            id="boogie_tasks.W003",
        )


def _format_warnings(app: Celery) -> Iterator[checks.CheckMessage]:
    """W005: messages that every worker refuses to read."""
    try:
        accepted = prepare_accept_content(app.conf.accept_content)
        used = prepare_accept_content([serializer(app)]) or set()
    except SerializerNotInstalled as error:
        problem = f"there is no such format: {error}"
    else:
        if accepted is None or used <= accepted:
            return
        problem = f"they accept {', '.join(sorted(accepted))} alone, and messages are {min(used)}"
    yield checks.Warning(
        f"Workers refuse every message: {problem}.",
        hint="Name JSON, or the format of CELERY_TASK_SERIALIZER, in CELERY_ACCEPT_CONTENT.",
        id="boogie_tasks.W005",
    )


def _schedule_errors(app: Celery) -> Iterator[checks.CheckMessage]:
    """E004: entries of beat that could only send a message."""
    for key, entry in (app.conf.beat_schedule or {}).items():
        name = entry.get("task") if isinstance(entry, dict) else getattr(entry, "task", None)
        if registry.get(str(name)) is not None:
            yield checks.Error(
                f"The entry {key!r} of beat_schedule names the Boogie task {name!r}, which needs "
                f"an object and a row.",
                hint="Use @recurring(...) or repeat(when, obj, ...), or schedule a plain Celery "
                "task that calls delayed(obj, ...) or each(objects).",
                id="boogie_tasks.E004",
            )


def check_contexts(**options: Any) -> list[checks.CheckMessage]:
    """E010, E013: classes in ``CONTEXTS`` that are none, or that cannot work here."""
    if list(conf.problems()):
        return []
    return [
        checks.Error(text, hint=hint, id=check_id)
        for check_id, text, hint in unfit_contexts.problems(conf.CONTEXTS)
    ]


def check_router(**options: Any) -> list[checks.CheckMessage]:
    """E005: a router that parts rows from the content types that they refer to."""
    alias = primary(Task)
    if router.allow_migrate_model(alias, ContentType):
        return []
    return [
        checks.Error(
            f"DATABASE_ROUTERS send rows to {alias!r}, and keep content types out of it.",
            hint=f"Let allow_migrate() have 'contenttypes' in {alias!r} too, and migrate it.",
            id="boogie_tasks.E005",
        )
    ]


def check_children(**options: Any) -> list[checks.CheckMessage]:
    """E006: models with a table of their own that inherit from ours."""
    return [
        checks.Error(
            f"{model._meta.label} inherits from {parent._meta.label}, in a table of its own.",
            hint="Its rows would be made, moved and deleted without that table. Use a proxy, or a "
            f"model with a OneToOneField to {parent._meta.label}.",
            obj=model,
            id="boogie_tasks.E006",
        )
        for model in apps.get_models()
        for parent in model._meta.parents
        if parent in (Announcement, Listener, Message, Task, Worker) and not model._meta.proxy
    ]


def check_models(**options: Any) -> list[checks.CheckMessage]:
    """E007: tasks about models that there are not."""
    installed = {model._meta.label_lower for model in apps.get_models(include_auto_created=True)}
    named = [task for task in registry.declared() if isinstance(task.model, str)]
    return [
        checks.Error(
            f"The task {task.name!r} is about {task.model!r}, which is not installed.",
            hint="Name a model of INSTALLED_APPS as 'app.Model' in the option model.",
            id="boogie_tasks.E007",
        )
        for task in named
        if task.model.lower() not in installed
    ]


def wrong_task_actions(model_admin: type, tasks: Iterable[Any]) -> list[checks.CheckMessage]:
    """E008: what an admin of a model offers to be started."""
    return [
        checks.Error(
            f"task_actions names {task!r:.80}, which is no Boogie task.",
            hint="List tasks themselves, as @task or as_task() returned them.",
            obj=model_admin,
            id="boogie_tasks.E008",
        )
        for task in tasks
        if not registry.is_ours(task)
    ]


def check_encryption(**options: Any) -> list[checks.CheckMessage]:
    """E012: tasks that are to encrypt, and cannot."""
    if list(conf.problems()):
        return []
    names = [task.name for task in registry.declared() if task.encrypt]
    lacking = sealing.missing() if names else ""
    if not lacking:
        return []
    return [
        checks.Error(f"The task {name!r} says encrypt=True.", hint=lacking, id="boogie_tasks.E012")
        for name in names
    ]


def check_sqlite(
    databases: Sequence[str] | None = None, **options: Any
) -> list[checks.CheckMessage]:
    """W004: SQLite settings under which several processes can write."""
    alias = primary(Task)
    connection = connections[alias]
    if not features.is_in_process(connection):
        return []
    given = connection.settings_dict.get("OPTIONS", {})
    wanting = []
    if str(given.get("transaction_mode", "")).upper() not in ("IMMEDIATE", "EXCLUSIVE"):
        wanting.append("transactions take the write lock late, and fail instead of waiting")
    if "journal_mode=wal" not in str(given.get("init_command", "")).lower().replace(" ", ""):
        wanting.append("readers and the writer block each other without WAL")
    if not wanting:
        return []
    return [
        checks.Warning(
            f"The SQLite database {alias!r} will say 'database is locked': {'; '.join(wanting)}.",
            hint=f"DATABASES[{alias!r}]['OPTIONS'] = {SQLITE_OPTIONS}",
            id="boogie_tasks.W004",
        )
    ]
