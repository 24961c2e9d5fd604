"""Programs of servers, where they are installed."""

import os
import shutil
from pathlib import Path


class Absent(Exception):
    """A server is not installed here, or one that is only visited does not answer."""


def find(name: str) -> str:
    """Return the path of a program; raise ``Absent`` where it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise Absent(f"{name} is not installed")
    return found


def find_postgresql(name: str) -> str:
    """Return the path of a program of the newest PostgreSQL; Debian keeps them off the PATH."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        raise Absent(f"{name} of PostgreSQL is not installed")
    return found


def _version(folder: Path) -> float:
    return float(folder.parent.name)
