"""Wiring: runs once when Django is ready. No query may be made here."""

from typing import Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

#: What every worker starts. By its name: a process that is no worker imports nothing of it.
KEEPER_STEP = "boogie.apps.tasks.worker.step:KeeperStep"


class TasksConfig(AppConfig):
    """``boogie.apps.tasks``."""

    name = "boogie.apps.tasks"
    # Not "tasks": any app of the project may be called that.
    label = "boogie_tasks"
    verbose_name = _("Tasks")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, current_app, registry
        from .batching import ending
        from .broker import checks as broker_checks
        from .broker import guard
        from .chains import handing
        from .declaration.about import checks as about_checks
        from .enqueue import failures
        from .execution import receivers
        from .functions import checks as functions_checks
        from .limiting import handover
        from .metrics import checks as metrics_checks
        from .scheduling import migrated

        checks.register()
        functions_checks.register()
        metrics_checks.register()
        broker_checks.register()
        about_checks.register()
        receivers.connect()
        failures.connect()
        handover.connect()
        handing.connect()
        ending.connect()
        migrated.connect(self)
        current_app.ensure_app()
        registry.on_every_app(_add_keeper)
        registry.on_every_app(guard.install)
        registry.discover()


def _add_keeper(app: Any) -> None:
    app.steps["worker"].add(KEEPER_STEP)
