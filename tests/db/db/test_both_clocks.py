"""Clocks are changed for a process and for its database alike, as they are on a host."""

import os
import subprocess
import sys

import pytest

from faults import faketime
from tests.project import services
from tests.support import both_clocks


@pytest.mark.skipif(services.DATABASE != "sqlite", reason="the clock of a server is not moved")
@pytest.mark.skipif(not faketime.library(), reason="libfaketime is not installed")
def test_workers_and_rows_without_time_zones_do_not_notice_that_clocks_are_changed():
    moved = {**faketime.environment(faketime.library(), 0), **both_clocks.ENVIRONMENT}
    done = subprocess.run(
        [sys.executable, "-m", both_clocks.__name__],
        env={**os.environ, **moved, "DATABASE": "sqlite", "BROKER": "boogie"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.splitlines(), done.returncode) == ([], 0), done.stderr
