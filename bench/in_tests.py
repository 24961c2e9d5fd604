"""
The figure of ``run_tasks()``: rows that it runs in a second, in a ``TestCase`` on SQLite in memory.

``python -m bench.in_tests [--profile] [rows]``, in a checkout's environment. The body does nothing.
"""

import cProfile
import pstats
import sys
import time
import unittest
from typing import Any

from bench import in_database

ROUNDS = 5


def main(rows: int, profiled: bool) -> None:
    memory = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
    with in_database.prepared(default=memory):
        result = unittest.TestResult()
        _case(rows, profiled)("test").run(result)
    for _, trace in result.errors + result.failures:
        raise SystemExit(trace)


def _case(rows: int, profiled: bool) -> Any:
    from django.test import TestCase

    from boogie.apps.tasks import task
    from boogie.apps.tasks.testing import run_tasks
    from tests.project.shop.models import Product

    @task(name="bench.in_tests.nothing")
    def nothing(product: Any) -> int:
        return product.pk  # type: ignore[no-any-return]

    class Case(TestCase):
        def test(self) -> None:
            product = Product.objects.create(name="product")
            profile = cProfile.Profile()
            best = on_processor = 0.0
            for _ in range(ROUNDS):
                nothing.each([product] * rows)
                if profiled:
                    profile.enable()
                begun, used = time.perf_counter(), time.process_time()
                counts = run_tasks(limit=rows)
                best = max(best, rows / (time.perf_counter() - begun))
                on_processor = max(on_processor, rows / (time.process_time() - used))
                profile.disable()
                assert counts["finished"] == rows
            print(
                f"{rows} rows: {best:,.0f} a second, {on_processor:,.0f} a second of processor, "
                f"the best of {ROUNDS} rounds"
            )
            if profiled:
                pstats.Stats(profile).sort_stats("cumulative").print_stats(45)

    return Case


if __name__ == "__main__":
    given = [each for each in sys.argv[1:] if each.isdigit()]
    main(int(given[0]) if given else 1000, "--profile" in sys.argv)
