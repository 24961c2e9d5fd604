"""The demo, from its first line to its exit status."""

import argparse
import os
import platform
import signal
import sys
import time
from collections import Counter
from pathlib import Path

from django.db import transaction
from django.db.models import Count

import boogie
from demo import examples, prepare, report, site, sources, verdict
from demo.library.models import Document
from demo.library.tasks import analyse
from demo.terminal import Progress, Stopped, say
from demo.worker import COMMAND, ROOT, Worker, running_worker

HERE = Path(__file__).parent

#: Seconds between two looks at the rows.
LOOK = 0.25
#: Seconds without any row that ends, after which something is wrong.
STUCK = 120


def main() -> int:
    """Run the demo; return its exit status."""
    options = _parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        status = _demo(options.source.resolve(), options.log.resolve())
        serves = sys.stdin.isatty() if options.serve is None else options.serve
        if serves:
            site.serve(options.log.resolve())
        else:
            say("\nTo see all of it in a browser, run the demo once more with --serve:")
            say('  make demo ARGS="--serve"')
        return status
    except Stopped as reason:
        say(f"\n{reason}")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted; the worker has ended.")
        return 128 + signal.SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument(
        "--source",
        type=Path,
        default=sources.LIBRARY,
        help="whose *.py files to analyse (%(default)s)",
    )
    parser.add_argument(
        "--log", type=Path, default=HERE / "worker.log", help="of the worker (%(default)s)"
    )
    parser.add_argument(
        "--serve",
        action=argparse.BooleanOptionalAction,
        help="serve a site on a free port at the end, until Ctrl-C (default: in a terminal)",
    )
    return parser


def _leave(number: int, frame: object) -> None:
    """End as after any error, so that the worker ends too."""
    sys.exit(128 + number)


def _demo(root: Path, log: Path) -> int:
    _prepare(root)
    with running_worker(log) as worker:
        say(f"  Worker     {COMMAND}\n             its log: {log}")
        _delay_all(root, worker)
        _watch(worker)
        report.show_outcomes()
        report.show_largest(root)
        report.show_errors(root)
        complaints = verdict.complaints()
        examples.show_examples()
    _conclude(complaints)
    return 1 if complaints else 0


def _prepare(root: Path) -> None:
    """Say what the demo works with, and get it ready."""
    python = platform.python_version()
    say(f"Boogie {boogie.__version__} at work on real input, with Python {python}\n")
    say(f"  Files      {root}")
    say(f"  Broker     {prepare.reach_broker()}")
    say(f"  Database   {prepare.reach_database()}")
    if removed := prepare.start_over():
        say(f"             starts over: {removed} rows of an earlier demo are deleted")


# --- the job --------------------------------------------------------------------------


def _delay_all(root: Path, worker: Worker) -> None:
    """Store a document for each file, and delay its analysis: both or neither is committed."""
    paths = sources.source_files(root)
    say(f"\nA Document for each of {len(paths)} files, and analyse.delayed(document)")
    if texts := sources.stand_ins(root, paths):
        names = ", ".join(str(path.relative_to(root)) for path in texts)
        say(f"  No source file is broken on purpose here; so that some fail: {names}")
        paths += texts
    with Progress(len(paths)) as progress:
        for number, path in enumerate(paths, start=1):
            with transaction.atomic():
                document = Document.objects.create(path=str(path), size=path.stat().st_size)
                analyse.delayed(document)
            worker.check()
            progress.show(number)


def _watch(worker: Worker) -> None:
    """Show how the rows end, until all have."""
    rows = analyse.tasks()
    total = rows.count()
    say("\nAnalysed by the worker, which has begun meanwhile")
    ended, moved = -1, time.monotonic()
    with Progress(total) as progress:
        while ended < total:
            worker.check()
            counts = Counter(dict(rows.values_list("status").annotate(Count("pk"))))
            before, ended = ended, sum(counts[s] for s in ("finished", "failed", "cancelled"))
            progress.show(ended, f"{counts['failed']} failed")
            moved = time.monotonic() if ended > before else moved
            if time.monotonic() - moved > STUCK:
                raise Stopped(f"No row has ended for {STUCK} seconds.\n{worker.tail()}")
            time.sleep(LOOK if ended < total else 0)


# --- the end --------------------------------------------------------------------------


def _conclude(complaints: list[str]) -> None:
    say()
    for complaint in complaints:
        say(f"WRONG: {complaint}")
    failed = analyse.tasks().failed().count()
    if not complaints:
        say(f"Every row has ended. {failed} failed: files that Python itself cannot parse.")
    say(f"The worker has ended; the database stays. To look around, in {ROOT}:")
    say(f"\n  {_environment()}{_python()} -m django shell --settings demo.settings")
    say("  >>> from demo.library.tasks import analyse")
    say("  >>> for row in analyse.tasks().failed().with_objects(): print(row.object, row.error)")


def _python() -> str:
    """Return this interpreter as one would type it in the checkout."""
    path = Path(sys.executable)
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _environment() -> str:
    given = ((name, os.environ.get(name)) for name in ("DATABASE", "BROKER"))
    return "".join(f"{name}={value} " for name, value in given if value)
