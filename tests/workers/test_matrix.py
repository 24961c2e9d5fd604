"""
Every fault of ``make faults``, once and with short leases.

The faults are made by processes of their own (``faults.runner``), on servers of
their own where those have to die; a test looks at what became of its fault.
That the harness notices anything is seen on plain Celery.
"""

import json
import subprocess
import sys

import pytest

from faults.catalogue import FAULTS
from faults.evidence.figures import Outcome
from tests.project import services
from tests.support.processes import ROOT

#: Processes that share the faults: they wait for most of their time.
PARTS = 4

#: What plain Celery does not survive, as far as it can be seen within some seconds.
CONTROLS = ("kill_child", "flush", "duplicate")

#: How a fault is made: with short leases, and at the same moments every time.
ONCE = ("--short", "--runs", "1", "--seed", "1")

#: How a fault is skipped that lacks something which this machine could have.
MISSING = ("not installed", "no answer")

LEG = f"{services.DATABASE}+{services.BROKER}"
#: Where no fault has to be left out; ``make faults`` makes them on all.
MADE_ON = "postgresql+redis"

pytestmark = [
    pytest.mark.worker,
    pytest.mark.skipif(LEG != MADE_ON, reason=f"faults are made on {MADE_ON}"),
]


class Maker:
    """A process that makes faults and says what became of them."""

    def __init__(self, directory, module, faults, *options):
        self.directory = directory
        self.log = directory / "log"
        self.output = directory / "outcomes.json"
        command = ["-m", module, *options, "--only", ",".join(faults), "--output", str(self.output)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
            )

    def outcome(self, fault):
        """Wait for its end; return what became of a fault."""
        assert self.process.wait() == 0, self.log.read_text()
        found = json.loads(self.output.read_text())
        return next(outcome for outcome in found if outcome["fault"] == fault)

    def said(self, fault):
        """Return what the workers of a fault wrote."""
        logs = sorted(self.directory.glob(f"{fault}-*.log"))
        return "\n".join(f"{log.name}:\n{log.read_text(errors='replace')[-8000:]}" for log in logs)

    def end(self):
        """Have it end its servers and workers, if it has not yet."""
        self.process.terminate()
        self.process.wait(120)


def chosen(session, name):
    """Return the faults whose items of the test ``name`` are to be run."""
    items = [item for item in session.items if getattr(item, "originalname", "") == name]
    return [item.callspec.params["fault"] for item in items]


@pytest.fixture(scope="session")
def makers(request, tmp_path_factory):
    """The makers of all faults and controls that were chosen, begun at once."""
    begun = {}

    def begin(name, module, faults, *options):
        if faults:
            directory = tmp_path_factory.mktemp("faults")
            more = ("--directory", str(directory)) if options else ()
            maker = Maker(directory, module, faults, *options, *more)
            begun.update({(name, fault): maker for fault in faults})

    name = test_no_promise_is_broken_by.__name__
    faults = chosen(request.session, name)
    for part in range(PARTS):
        begin(name, "faults.runner", faults[part::PARTS], LEG, *ONCE)
    name = test_plain_celery_is_seen_to_fail_by.__name__
    begin(name, "faults.control", chosen(request.session, name))
    yield begun
    for maker in set(begun.values()):
        maker.end()


@pytest.fixture
def maker(request, makers, fault):
    """The maker of this test's fault."""
    return makers[request.node.originalname, fault]


@pytest.mark.parametrize("fault", FAULTS)
def test_no_promise_is_broken_by(fault, maker):
    outcome = Outcome(**maker.outcome(fault))
    if outcome.skipped:
        must_be_made = services.REQUIRED and any(why in outcome.skipped for why in MISSING)
        (pytest.fail if must_be_made else pytest.skip)(outcome.skipped)
    assert outcome.runs
    assert outcome.violations(timed=False) == [], maker.said(fault)


@pytest.mark.parametrize("fault", CONTROLS)
def test_plain_celery_is_seen_to_fail_by(fault, maker):
    assert maker.outcome(fault)["noticed"]
