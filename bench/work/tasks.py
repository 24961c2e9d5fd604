"""The task of the system that this process belongs to."""

from bench import systems

increment = systems.current().register()
