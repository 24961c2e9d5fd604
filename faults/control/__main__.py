"""``python -m faults.control``: the control, on a Redis server and a SQLite file of its own."""

import argparse
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from tests.support.servers.programs import Absent
from tests.support.servers.redis_server import RedisServer


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m faults.control")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    try:
        redis = RedisServer().start()
    except Absent as absent:
        print(f"control: skipped: {absent}", file=sys.stderr)
        options.output.write_text("[]")
        return 0
    with tempfile.TemporaryDirectory(prefix="boogie-control-") as directory:
        try:
            _prepare(redis, Path(directory))
            found = list(_run(redis, Path(directory), options.only))
        finally:
            redis.close()
    options.output.write_text(json.dumps(found, indent=1))
    return 0


def _prepare(redis: RedisServer, directory: Path) -> None:
    os.environ["FAULTS_BROKER"] = redis.url
    os.environ["FAULTS_DATABASE"] = str(directory / "control.sqlite3")
    os.environ["DJANGO_SETTINGS_MODULE"] = "faults.control.settings"
    import django
    from django.core.management import call_command

    django.setup()
    warnings.simplefilter("ignore")
    call_command("migrate", verbosity=0)


def _run(redis: RedisServer, directory: Path, only: str) -> Any:
    from faults.control.plain_celery import CONTROLS, RUNS, Control

    names = only.split(",") if only else CONTROLS
    for name in names:
        make, title = CONTROLS[name]
        control = Control(redis, directory, name)
        try:
            noticed, seen = make(control)
        finally:
            control.close()
        print(f"control {name}: {seen}", file=sys.stderr, flush=True)
        yield {"fault": name, "title": title, "runs": RUNS, "noticed": noticed, "seen": seen}


if __name__ == "__main__":
    sys.exit(main())
