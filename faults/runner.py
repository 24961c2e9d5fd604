"""
The faults on one leg: ``python -m faults.runner postgresql+redis [--runs N] [--seed S] …``.

Prints what it does on stderr and writes the outcomes as JSON.
"""

import argparse
import json
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

from faults.catalogue import FAULTS
from faults.evidence.figures import Outcome
from faults.legs import Leg
from faults.playing import play
from tests.support.servers.programs import Absent


def main() -> int:
    options = _parser().parse_args()
    # Whoever ends this process wants its servers and workers to end as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    leg = Leg(options.leg, options.directory)
    outcomes: list[dict] = []
    try:
        leg.start()
        prepare(leg, options.short)
        outcomes += make_faults(leg, options)
    except Absent as absent:
        outcomes += skipped(leg, chosen(options), str(absent))
    finally:
        leg.close()
    options.output.write_text(json.dumps(outcomes, indent=1))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m faults.runner")
    parser.add_argument("leg")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--short", action="store_true", help="short leases, to be done sooner")
    parser.add_argument("--only", default="", help="names of faults, with commas")
    parser.add_argument("--chaos", type=float, default=0.0, help="seconds of chaos instead")
    parser.add_argument("--directory", type=Path, help="where logs and journals are kept")
    parser.add_argument("--output", type=Path, required=True)
    return parser


def prepare(leg: Leg, short: bool) -> None:
    """Make this process a producer of the project that suffers, and make its tables."""
    os.environ["FAULTS_DATABASE"] = json.dumps(leg.settings)
    os.environ["FAULTS_BROKER"] = leg.broker_url
    os.environ["DJANGO_SETTINGS_MODULE"] = "faults.settings"
    if short:
        from faults.timings import SHORT

        os.environ["FAULTS_TASKS"] = json.dumps(SHORT)
    import django
    from django.core.management import call_command

    django.setup()
    warnings.simplefilter("ignore")
    call_command("migrate", run_syncdb=True, verbosity=0)


def make_faults(leg: Leg, options: argparse.Namespace) -> Iterator[dict]:
    if options.chaos:
        from faults import chaos

        yield chaos.make(leg, options.chaos, options.seed)
        return
    for name in chosen(options):
        yield make_one(leg, name, options.runs, options.seed, options.short)


def chosen(options: argparse.Namespace) -> list[str]:
    return options.only.split(",") if options.only else list(FAULTS)


def skipped(leg: Leg, names: list[str], why: str) -> Iterator[dict]:
    """Return outcomes of faults that cannot be made; say so."""
    print(f"{leg.name}: skipped: {why}", file=sys.stderr)
    for name in names:
        yield Outcome(leg.name, name, FAULTS[name].title, skipped=why).as_dict()


def make_one(leg: Leg, name: str, runs: int, seed: int, short: bool) -> dict:
    """Make one fault; whatever goes wrong in it is a problem of its outcome."""
    from faults.scene import Scene

    fault = FAULTS[name]
    scene = Scene(leg, name, runs, seed, short)
    outcome, scene.pool = scene.outcome, fault.pool
    outcome.title, outcome.limit = fault.title, fault.limit
    outcome.skipped = fault.needs(leg)
    if outcome.skipped:
        return outcome.as_dict()
    return play(scene, lambda: fault.make(scene), timed=not short)


if __name__ == "__main__":
    sys.exit(main())
