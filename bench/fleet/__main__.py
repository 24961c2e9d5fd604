"""
Measure what a fleet of workers and clients asks of a database: on servers of its own.

``DATABASE`` is ``postgresql`` or ``mariadb``, ``BROKER`` is ``boogie`` or ``redis``.
"""

import argparse
import importlib
import sys

from bench.fleet import stage

#: What is not of the name of a figure, and in which project it is measured if not in that of the
#: fleet.
MODULES = {"tenmillion": "growth"}
SETTINGS = {"tenmillion": "tests.project.settings"}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__)
    figures = parser.add_subparsers(dest="figure", required=True)
    idle = figures.add_parser("idle", help="statements a second of workers that do nothing")
    idle.add_argument("--workers", type=int, default=200)
    idle.add_argument("--seconds", type=float, default=60)
    idle.add_argument("--warm", type=float, default=60, help="seconds before they are counted")
    idle.add_argument("--limits", action="store_true", help="a task with limits is declared, too")
    wake = figures.add_parser("wake", help="how many of those that listen are woken by rows")
    wake.add_argument("--workers", type=int, default=40)
    wake.add_argument("--rows", type=int, default=40)
    wake.add_argument("--body", type=float, default=0.5, help="seconds that each body takes")
    wake.add_argument("--rounds", type=int, default=3)
    clients = figures.add_parser("clients", help="rows a second, by the number of clients")
    clients.add_argument("--clients", type=_numbers, default=[8, 16, 32, 64])
    clients.add_argument("--rows", type=int, default=20_000, help="so many come, and go")
    clients.add_argument("--waiting", type=int, default=0, help="so many more wait all the time")
    clients.add_argument("--queues", type=int, default=1, help="with several, also priorities")
    clients.add_argument("--batch", type=int, default=8, help="rows that are reserved at once")
    clients.add_argument("--rounds", type=int, default=3)
    ten = figures.add_parser("tenmillion", help="the same work over few and over many ended rows")
    ten.add_argument("--rows", type=_numbers, default=[1_000_000, 10_000_000])
    ten.add_argument("--portion", type=int, default=2000, help="rows of each kind of work")
    ten.add_argument("--purged", type=int, default=20_000, help="rows that each round purges")
    ten.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(",")]


def main() -> None:
    options = vars(parse())
    figure = options.pop("figure")
    with stage.prepared(SETTINGS.get(figure, "bench.fleet.settings")):
        importlib.import_module(f"bench.fleet.{MODULES.get(figure, figure)}").measure(
            sys.stdout, **options
        )


if __name__ == "__main__":
    main()
