"""
System checks of metrics.
"""

from importlib.util import find_spec
from typing import Any

from django.core import checks

from boogie.apps.tasks.conf import conf


def check_metrics(**options: Any) -> list[checks.CheckMessage]:
    """E020: metrics that nothing can write."""
    if list(conf.problems()) or not conf.METRICS or find_spec("prometheus_client"):
        return []
    return [
        checks.Error(
            "BOOGIE_TASKS['METRICS'] needs the package prometheus_client.",
            hint='Install it: pip install "django-boogie[prometheus]".',
            id="boogie_tasks.E020",
        )
    ]


def register() -> None:
    """Register every check of this module."""
    checks.register(check_metrics)
