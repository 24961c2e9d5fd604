"""What the figures were measured on: the foot of the table and of the plot."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.support.servers.programs import find, find_postgresql

PACKAGES = (
    *("django", "celery", "kombu", "psycopg", "redis"),
    *("django-celery-results", "procrastinate", "django-tasks-db"),
)


def describe() -> dict[str, Any]:
    """Return the machine and the versions of everything."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "versions": {
            "Python": platform.python_version(),
            "PostgreSQL": _output(find_postgresql("postgres"), "--version").split()[2],
            "Redis": _redis_version(),
            **{name: version(name) for name in PACKAGES},
        },
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _redis_version() -> str:
    words = _output(find("redis-server"), "--version").split()
    return next(word[2:] for word in words if word.startswith("v="))


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
