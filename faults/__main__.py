"""
``python -m faults``: all faults on all legs, and the table of them.

Each leg is a process of its own (``faults.runner``), a few at a time. Ends with 1 if
a promise was broken, or if the control did not notice a fault.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from faults import legs, table
from faults.evidence.figures import Outcome
from tests.support.processes import ROOT

TABLE = ROOT / "docs/explanation/faults.inc"


def main() -> int:
    options = _parser().parse_args()
    seed = options.seed if options.seed is not None else random.randrange(10**6)
    print(f"seed {seed}: the same faults at the same moments with SEED={seed}", file=sys.stderr)
    begun = time.monotonic()
    with ThreadPoolExecutor(options.jobs) as pool:
        names = options.legs.split(",")
        outcomes = [
            o for found in pool.map(lambda n: run_leg(n, seed, options), names) for o in found
        ]
    control = [] if options.chaos or options.no_control else run_control()
    seconds, load = time.monotonic() - begun, os.getloadavg()[2]
    facts = table.Facts(seed, options.runs, options.chaos, seconds, load)
    if options.table:
        page = table.page(outcomes, control, facts)
        text = table.chaos(outcomes, facts) if options.chaos else page
        options.table.write_text(text)
        print(f"The table is in {options.table}", file=sys.stderr)
    broken = [f"{o.leg} {o.fault}: {text}" for o in outcomes for text in o.violations()]
    broken += [f"control {row['fault']}: not noticed" for row in control if not row["noticed"]]
    broken += ["no leg could be run"] * all(outcome.skipped for outcome in outcomes)
    print("\n".join(broken) or "every promise was kept", file=sys.stderr)
    return 1 if broken else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m faults")
    parser.add_argument("--runs", type=int, default=20, help="times that each quick fault is made")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--legs", default=",".join(legs.ALL))
    parser.add_argument("--only", default="", help="names of faults, with commas")
    parser.add_argument("--jobs", type=int, default=3, help="legs that run at one time")
    parser.add_argument("--chaos", type=float, default=0.0, help="seconds of chaos instead")
    parser.add_argument("--no-control", action="store_true")
    parser.add_argument("--table", type=Path, help=f"where the table goes, e.g. {TABLE.name}")
    return parser


def run_leg(name: str, seed: int, options: argparse.Namespace) -> list[Outcome]:
    """Run one leg; its outcomes, or one that says that it broke down."""
    arguments = [name, "--seed", str(seed), "--runs", str(options.runs), "--only", options.only]
    found = _run("faults.runner", *arguments, "--chaos", str(options.chaos))
    if found is None:
        return [Outcome(name, "all", problems=["the leg broke down"])]
    return [Outcome(**outcome) for outcome in found]


def run_control() -> list[dict[str, Any]]:
    """Run the same faults on plain Celery; what was seen there."""
    found = _run("faults.control")
    return [{"fault": "all", "noticed": 0}] if found is None else found


def _run(module: str, *arguments: str) -> Any:
    with tempfile.TemporaryDirectory(prefix="boogie-faults-") as directory:
        output = Path(directory) / "outcomes.json"
        command = [sys.executable, "-m", module, *arguments, "--output", str(output)]
        done = subprocess.run(command, cwd=ROOT, check=False)
        return json.loads(output.read_text()) if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
