"""Wiring of the lab: its injections."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class LabConfig(AppConfig):
    """The app of things and effects."""

    name = "faults.lab"
    label = "lab"

    def ready(self) -> None:
        from faults.lab import injections

        autodiscover_modules("together")
        injections.install()
