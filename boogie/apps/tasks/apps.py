"""Wiring: runs once when Django is ready. No query may be made here."""

from django.apps import AppConfig
from kombu.transport import TRANSPORT_ALIASES

# kombu takes no dotted path as a URL scheme.
TRANSPORT_ALIASES["boogie"] = "boogie.apps.tasks.transport.transport:Transport"


class TasksConfig(AppConfig):
    """``boogie.apps.tasks``."""

    name = "boogie.apps.tasks"
    # Not "tasks": any app of the project may be called that.
    label = "boogie_tasks"
    verbose_name = "Tasks"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, current_app, registry
        from .worker import receivers, step

        checks.register()
        receivers.connect()
        current_app.ensure_app()
        registry.on_every_app(step.install)
        registry.discover()
