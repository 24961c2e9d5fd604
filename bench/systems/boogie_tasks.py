"""Boogie: on Redis, and with no broker."""

from typing import Any

from bench import places
from bench.systems.base import System, celery_worker, django_task


class BoogieRedis(System):
    """A row for every run; the doorbell goes through Redis."""

    name = "boogie_redis"
    label = "Boogie, Redis"
    apps = ("boogie.apps.tasks",)
    uses_celery = True
    has_bulk = True
    tables = ("boogie_tasks_task",)
    outcome = "select 1 from boogie_tasks_task where id = %s and status = 'finished'"
    outcomes = (
        "select count(*) from boogie_tasks_task where status = 'finished' and ended >= %(since)s"
    )
    # Ids of version 7, as they would have been made over these days.
    history = (
        """
        insert into boogie_tasks_task
            (id, name, content_type_id, object_id, object_db, args, kwargs, status, result,
             errors, attempt, retries, losses, queue, priority, worker, pid, created, terminate,
             started, ended)
        select (substr(ms, 1, 8) || '-' || substr(ms, 9, 4) || '-7' || substr(r, 1, 3) || '-8'
                || substr(r, 4, 3) || '-' || substr(r, 7, 12))::uuid,
               'bench.increment', c.id, g::text, 'default', '[]', '{{}}', 'finished',
               jsonb_build_object('item', 'item ' || g, 'value', 1), '[]', 1, 0, 0, 'celery', 0,
               'celery@host/0123456789ab', 4711, at, false, at, at
        from (select g, at, lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') as ms,
                     md5(g::text) as r
              from (select g, now() - interval '25 days' + g * interval '2 seconds' as at
                    from generate_series(1, {rows}) g) t) s,
             django_content_type c where c.app_label = 'work' and c.model = 'item'
        """,
    )
    _items: dict[int, Any] = {}

    def settings(self) -> dict[str, Any]:
        return {
            "CELERY_BROKER_URL": self.broker(),
            "CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP": True,
            "CELERY_WORKER_HIJACK_ROOT_LOGGER": False,
        }

    def broker(self) -> str:
        return places.redis_url()

    def register(self) -> Any:
        from bench.work.logic import add_one
        from boogie.apps.tasks import task

        return task(name="bench.increment")(add_one)

    def enqueue(self, task: Any, pk: int) -> Any:
        from bench.work.models import Item

        if not self._items:  # a caller has its object in hand
            self._items.update(Item.objects.in_bulk())
        return task.delayed(self._items[pk]).pk

    def enqueue_bulk(self, task: Any, pks: list[int]) -> None:
        from bench.work.models import Item

        task.each(Item.objects.filter(pk__gte=pks[0], pk__lte=pks[-1]))

    def workers(self) -> list[list[str]]:
        return celery_worker()


class BoogieAlone(BoogieRedis):
    """No broker: the table is the queue."""

    name = "boogie_alone"
    label = "Boogie, boogie://"

    def broker(self) -> str:
        return "boogie://"


class BoogieFunctions(BoogieAlone):
    """Functions of Django Tasks by our backend, on the same; what django-tasks-db is beside."""

    name = "boogie_functions"
    label = "Boogie, Django Tasks"
    has_bulk = False
    history = ()

    def settings(self) -> dict[str, Any]:
        tasks = {"default": {"BACKEND": "boogie.apps.tasks.backend.BoogieBackend"}}
        return {**super().settings(), "TASKS": tasks}

    def register(self) -> Any:
        return django_task()

    def enqueue(self, task: Any, pk: int) -> Any:
        return task.enqueue(pk).id


class BoogieSqlite(BoogieAlone):
    """The same on SQLite; only its latency is taken."""

    name = "boogie_sqlite"
    label = "Boogie, boogie:// on SQLite"
    on_sqlite = True
    history = ()

    def enqueue(self, task: Any, pk: int) -> Any:
        return super().enqueue(task, pk).hex
