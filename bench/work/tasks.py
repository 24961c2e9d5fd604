"""The task of the system that this process belongs to."""

from bench import systems

system = systems.current()
increment = system.register()
