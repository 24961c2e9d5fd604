"""
Rows by the names that django-tasks-db has for them.
"""

from typing import Any, Self

from boogie.apps.tasks import Task
from boogie.apps.tasks.functions import results
from boogie.apps.tasks.lifecycle import timing
from boogie.apps.tasks.models import TaskQuerySet

STATUSES = {"READY": "queued", "RUNNING": "running", "SUCCESSFUL": "finished", "FAILED": "failed"}
COLUMNS = {"started_at": "started", "finished_at": "ended", "return_value": "result"}


class ResultQuerySet(TaskQuerySet):
    """Rows that tests make, move and find by hand."""

    def ready(self) -> Self:
        return self.filter(timing.is_ripe(), status="queued")

    def successful(self) -> Self:
        return super().finished()

    def finished(self) -> Self:
        return self.ended()

    def update(self, **values: Any) -> int:
        changes = {COLUMNS.get(name, name): value for name, value in values.items()}
        if "status" in changes:
            changes["status"] = STATUSES.get(changes["status"], changes["status"])
            if changes["status"] != "queued":
                changes["due"] = None
        if "worker_ids" in changes:
            workers = changes.pop("worker_ids")
            at = changes["started"].isoformat()
            claims = [{"worker": worker, "at": at} for worker in workers]
            changes |= {"claims": claims, "attempt": len(workers), "worker": workers[-1]}
        if "run_after" in changes:
            changes["not_before"] = changes["due"] = changes.pop("run_after")
        return super().update(**changes)

    def create(self, **values: Any) -> "DBTaskResult":
        given = values["args_kwargs"]
        row = self.model(
            name=values["task_path"],
            backend=values["backend_name"],
            queue="default",
            priority=values.get("priority", 0),
            object_db="",
            args=given.get("args", []),
            kwargs=given.get("kwargs", {}),
        )
        row.save(force_insert=True)
        row.run()
        row.refresh_from_db()
        return row


class DBTaskResult(Task):
    """A row of ours, with the attributes of theirs."""

    objects = ResultQuerySet.as_manager()

    class Meta:
        app_label = "boogie_tasks"  # else it would need a migration
        proxy = True
        ordering = ["-priority", "due", "created", "pk"]

    @property
    def task(self) -> Any:
        return results.restored(self)

    @property
    def task_result(self) -> Any:
        return results.of(self)

    @property
    def task_path(self) -> str:
        return str(self.name)

    @property
    def task_name(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def worker_ids(self) -> list[str]:
        return [claim["worker"] for claim in self.claims]

    @property
    def traceback(self) -> str:
        return str(self.errors[-1]["traceback"])
