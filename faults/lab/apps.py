"""Wiring of the lab: its injections."""

from django.apps import AppConfig


class LabConfig(AppConfig):
    """The app of things and effects."""

    name = "faults.lab"
    label = "lab"

    def ready(self) -> None:
        from faults.lab import injections

        injections.install()
