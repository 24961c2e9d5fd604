"""
After ``migrate``: rows of what code declares.
"""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

from boogie.apps.tasks import schedules
from boogie.apps.tasks.models import Schedule
from boogie.apps.tasks.models.stored import primary

from . import following


def follow(using: str, **extra: Any) -> None:
    """Follow what code declares, where the table of schedules is."""
    if not schedules.declared() or using != primary(Schedule):
        return
    # It may have been migrated to a time before there were schedules.
    if Schedule._meta.db_table in connections[using].introspection.table_names():
        following.follow()


def connect(app: AppConfig) -> None:
    """Have it called after each ``migrate``; twice is once."""
    post_migrate.connect(follow, sender=app, dispatch_uid="boogie_tasks.schedules")
