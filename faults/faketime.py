"""
Processes with a clock of their own, by ``libfaketime``: a library that is loaded before others.

The one of the package of that name comes first; that of some distributions breaks Python's sleep.
"""

import functools
import glob
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

IN_PACKAGE = "vendor/libfaketime/src/libfaketime.so.1"
IN_SYSTEM = "/usr/lib/*/faketime/libfaketime.so.1"

#: Sleeps as a worker does, then tells the time.
PROBE = "import time; time.sleep(0.01); print(time.time())"


def environment(path: str, seconds: int) -> dict[str, str]:
    """Return what the environment of a process has to hold for it to be ``seconds`` fast."""
    return {
        "LD_PRELOAD": path,
        "FAKETIME": f"{seconds:+d}s",
        # The journal is kept by it, and no host's wrong clock changes how it runs.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


@functools.cache
def library() -> str:
    """Return the path of a library that works here; empty if there is none."""
    return next(filter(_works, _found()), "")


def is_in(pid: int) -> bool:
    """Return whether a process has loaded the library."""
    return "libfaketime" in Path(f"/proc/{pid}/maps").read_text()


def _found() -> Iterator[str]:
    package = importlib.util.find_spec("libfaketime")
    for folder in (package and package.submodule_search_locations) or ():
        yield str(Path(folder) / IN_PACKAGE)
    yield from sorted(glob.glob(IN_SYSTEM))


def _works(path: str) -> bool:
    env = {**os.environ, **environment(path, 300)}
    done = subprocess.run([sys.executable, "-c", PROBE], env=env, capture_output=True, check=False)
    return done.returncode == 0 and abs(float(done.stdout) - time.time() - 300) < 100
