"""Celery on Redis: with django-celery-results, and alone."""

from typing import Any

from bench import places
from bench.systems.base import System, celery_worker


class CeleryStock(System):
    """Library defaults: Celery opens a database connection for every task."""

    name = "celery_stock"
    label = "Celery + django-celery-results, stock"
    apps = ("django_celery_results",)
    uses_celery = True
    has_bulk = True
    tables = ("django_celery_results_taskresult",)
    outcome = (
        "select 1 from django_celery_results_taskresult where task_id = %s and status = 'SUCCESS'"
    )
    outcomes = (
        "select count(*) from django_celery_results_taskresult"
        " where date_done >= %(since)s and status = 'SUCCESS'"
    )

    def settings(self) -> dict[str, Any]:
        return {
            "CELERY_BROKER_URL": places.redis_url(),
            "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP": True,
            "CELERY_WORKER_HIJACK_ROOT_LOGGER": False,
            "CELERY_RESULT_BACKEND": "django-db",
            "CELERY_RESULT_EXTENDED": True,
        }

    def register(self) -> Any:
        from celery.app import app_or_default

        from bench.work.logic import load_and_add_one

        return app_or_default().task(name="bench.increment")(load_and_add_one)

    def enqueue(self, task: Any, pk: int) -> Any:
        return task.delay(pk).id

    def enqueue_bulk(self, task: Any, pks: list[int]) -> None:
        from celery import group

        group(task.s(pk) for pk in pks).apply_async()

    def workers(self) -> list[list[str]]:
        return celery_worker()


class CeleryTuned(CeleryStock):
    """With the little-known setting that keeps database connections."""

    name = "celery_tuned"
    label = "Celery + django-celery-results, tuned"
    history = (
        """
        insert into django_celery_results_taskresult
            (task_id, status, content_type, content_encoding, result, date_done, date_created,
             traceback, meta, task_args, task_kwargs, task_name, worker, periodic_task_name)
        select gen_random_uuid()::text, 'SUCCESS', 'application/json', 'utf-8',
               '{{"item": "item ' || g || '", "value": 1}}', at, at, null, '{{"children": []}}',
               '"(' || g || ',)"', '"{{}}"', 'bench.increment', 'celery@host', null
        from (select g, now() - interval '25 days' + g * interval '2 seconds' as at
              from generate_series(1, {rows}) g) s
        """,
    )

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "CELERY_DB_REUSE_MAX": 1_000_000}


class CeleryBare(CeleryTuned):
    """The same without results: the yardstick of a bare send, and of the engine's own memory."""

    name = "celery_bare"
    label = "Celery, results thrown away, tuned"
    apps = ()
    tables = ()
    history = ()
    outcome = "select 1 from work_item where id = %s and value > 0"
    outcomes = ""

    def settings(self) -> dict[str, Any]:
        conf = super().settings()
        del conf["CELERY_RESULT_BACKEND"], conf["CELERY_RESULT_EXTENDED"]
        return {**conf, "CELERY_TASK_IGNORE_RESULT": True}

    def enqueue(self, task: Any, pk: int) -> Any:
        super().enqueue(task, pk)
        return pk
