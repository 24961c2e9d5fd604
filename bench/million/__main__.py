"""
Fill a database of the test project's with many rows, and measure what pages read of it.

``DATABASE`` is ``postgresql``, ``mariadb`` or ``sqlite``, as for the tests; its server answers on
the standard local port. The database is ``boogie_million``, and stays.
"""

import argparse
import os
import sys
import time
from pathlib import Path

NAME = "boogie_million"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.million", description=__doc__)
    parser.add_argument("action", choices=["fill", "measure", "pages"])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--waiting", type=int, default=0, help="so many of them wait")
    parser.add_argument("--of-one-object", type=int, default=0, help="so many have one object")
    parser.add_argument("--only", default="", help="pages whose names have this")
    return parser.parse_args()


def make_empty() -> None:
    """Make the database anew, with the tables of the test project."""
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    name = str(settings.DATABASES["default"]["NAME"])
    if connection.vendor == "sqlite":
        for end in ("", "-wal", "-shm"):
            Path(name + end).unlink(missing_ok=True)
    else:
        with connection._nodb_cursor() as cursor:  # type: ignore[attr-defined]
            cursor.execute(f"DROP DATABASE IF EXISTS {name}")
            charset = " CHARACTER SET utf8mb4" if connection.vendor == "mysql" else ""
            cursor.execute(f"CREATE DATABASE {name}{charset}")
    call_command("migrate", verbosity=0)


def fill(rows: int, waiting: int, of_one_object: int) -> None:
    from bench.million import fill, history

    start = time.monotonic()

    def tell(done: int) -> None:
        if done % 100_000 == 0:
            print(f"{done:,} rows after {time.monotonic() - start:.0f} s", flush=True)

    make_empty()
    fill.fill(rows, tell, history.Extremes(waiting, of_one_object))
    print(f"{rows:,} rows with all indexes after {time.monotonic() - start:.0f} s", flush=True)
    fill.roll_up()
    print(f"their figures after {time.monotonic() - start:.0f} s")


def main() -> None:
    options = parse()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.project.settings")
    os.environ.setdefault("DATABASE_NAME", NAME)
    import django

    django.setup()
    if options.action == "fill":
        return fill(options.rows, options.waiting, options.of_one_object)
    from bench.million import measure, pages

    if options.action == "pages":
        return pages.measure(sys.stdout, options.only)
    measure.measure(sys.stdout)
    return None


if __name__ == "__main__":
    main()
