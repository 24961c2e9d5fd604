"""Other queues that Django projects have in PostgreSQL."""

from typing import Any

from bench import places
from bench.systems.base import System, django_task


class Procrastinate(System):
    """Job rows, LISTEN/NOTIFY; keeps the status of a job, not what it returned."""

    name = "procrastinate"
    label = "Procrastinate"
    apps = ("procrastinate.contrib.django",)
    has_bulk = True
    tables = ("procrastinate_events", "procrastinate_jobs", "procrastinate_workers")
    outcome = "select 1 from procrastinate_jobs where id = %s and status = 'succeeded'"
    outcomes = (
        "select count(*) from procrastinate_events where type = 'succeeded' and at >= %(since)s"
    )
    history = (
        "alter table procrastinate_jobs disable trigger user",
        """
        insert into procrastinate_jobs
            (queue_name, task_name, priority, lock, queueing_lock, args, status, attempts)
        select 'default', 'bench.increment', 0, null, null, jsonb_build_object('pk', g),
               'succeeded', 1 from generate_series(1, {rows}) g
        """,
        "alter table procrastinate_jobs enable trigger user",
        "alter table procrastinate_events disable trigger all",
        """
        insert into procrastinate_events (job_id, type, at)
        select id, t::procrastinate_job_event_type,
               now() - interval '25 days' + id * interval '2 seconds'
        from procrastinate_jobs, unnest(array['deferred', 'started', 'succeeded']) t
        """,
        "alter table procrastinate_events enable trigger all",
    )

    def register(self) -> Any:
        from procrastinate.contrib.django import app

        from bench.work.logic import load_and_add_one

        return app.task(name="bench.increment")(load_and_add_one)

    def enqueue(self, task: Any, pk: int) -> Any:
        return task.defer(pk=pk)

    def enqueue_bulk(self, task: Any, pks: list[int]) -> None:
        task.batch_defer(*({"pk": pk} for pk in pks))

    def workers(self) -> list[list[str]]:
        command = ["-m", "django", "procrastinate", "worker", "--concurrency", "1"]
        return [places.python(*command)] * 2


class TasksDb(System):
    """``django.tasks`` with its database backend; workers look once a second."""

    name = "tasks_db"
    label = "django-tasks-db"
    apps = ("django_tasks_db",)
    samples = 40
    tables = ("django_tasks_database_dbtaskresult",)
    outcome = (
        "select 1 from django_tasks_database_dbtaskresult where id = %s and status = 'SUCCESSFUL'"
    )
    outcomes = (
        "select count(*) from django_tasks_database_dbtaskresult"
        " where status = 'SUCCESSFUL' and finished_at >= %(since)s"
    )
    history = (
        """
        insert into django_tasks_database_dbtaskresult
            (id, status, enqueued_at, started_at, finished_at, args_kwargs, priority, task_path,
             worker_ids, queue_name, backend_name, run_after, return_value,
             exception_class_path, traceback)
        select gen_random_uuid(), 'SUCCESSFUL', at, at, at,
               jsonb_build_object('args', jsonb_build_array(g), 'kwargs', '{{}}'::jsonb),
               0, 'bench.work.tasks.increment', '["abcdefghijklmnopqrstuvwxyz012345"]', 'default',
               'default', '9999-01-01 00:00:00+00',
               jsonb_build_object('item', 'item ' || g, 'value', 1), '', ''
        from (select g, now() - interval '25 days' + g * interval '2 seconds' as at
              from generate_series(1, {rows}) g) s
        """,
    )

    def settings(self) -> dict[str, Any]:
        return {"TASKS": {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}}

    def register(self) -> Any:
        return django_task()

    def enqueue(self, task: Any, pk: int) -> Any:
        return task.enqueue(pk).id

    def workers(self) -> list[list[str]]:
        return [places.python(*["-m", "django", "db_worker", "-v", "0", "--no-startup-delay"])] * 2


class Ox(System):
    """``django.tasks`` with a backend of leases; workers look once a second."""

    name = "ox"
    label = "django-ox"
    apps = ("django_ox",)
    has_bulk = True
    samples = 40
    tables = ("django_ox_oxtask",)
    outcome = "select 1 from django_ox_oxtask where id = %s and status = 'SUCCESSFUL'"
    outcomes = (
        "select count(*) from django_ox_oxtask"
        " where status = 'SUCCESSFUL' and finished_at >= %(since)s"
    )

    def settings(self) -> dict[str, Any]:
        return {"TASKS": {"default": {"BACKEND": "django_ox.backend.OxBackend"}}}

    def register(self) -> Any:
        return django_task()

    def enqueue(self, task: Any, pk: int) -> Any:
        return task.enqueue(pk).id

    def enqueue_bulk(self, task: Any, pks: list[int]) -> None:
        from django_ox.bulk import enqueue_many

        enqueue_many(task, [((pk,), {}) for pk in pks])

    def workers(self) -> list[list[str]]:
        return [places.python("-m", "django", "ox_worker")] * 2


class DjQueue(System):
    """``django.tasks`` with the tables of Solid Queue; one supervisor, two workers that LISTEN."""

    name = "dj_queue"
    label = "dj-queue"
    apps = ("dj_queue",)
    has_bulk = True
    samples = 100
    tables = ("dj_queue_jobs",)
    outcome = "select 1 from dj_queue_jobs where id = %s and finished_at is not null"
    outcomes = "select count(*) from dj_queue_jobs where finished_at >= %(since)s"

    def settings(self) -> dict[str, Any]:
        workers = [{"queues": "*", "threads": 1, "processes": 2}]
        backend = {"QUEUES": [], "OPTIONS": {"workers": workers}}
        return {
            "DATABASE_ROUTERS": ["dj_queue.routers.DjQueueRouter"],
            "TASKS": {"default": {"BACKEND": "dj_queue.backend.DjQueueBackend", **backend}},
        }

    def register(self) -> Any:
        return django_task()

    def enqueue(self, task: Any, pk: int) -> Any:
        return task.enqueue(pk).id

    def enqueue_bulk(self, task: Any, pks: list[int]) -> None:
        task.get_backend().enqueue_all([(task, [pk], {}) for pk in pks])

    def workers(self) -> list[list[str]]:
        return [places.python("-m", "django", "dj_queue")]
