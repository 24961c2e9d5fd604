"""
What a row costs in machine instructions, as the benchmark counts them; less than a fifth more.

Counted by callgrind, on SQLite: the count is the same on a busy machine and on a slow one.
"""

import pytest

from bench import instructions

#: Counted on Python 3.13 with Django 6.1 and Celery 5.7, plus a fifth: 3.11 to 3.13 differ less.
MOST = {"enqueue": 1_029_000 * 1.2, "run": 6_106_000 * 1.2}


@pytest.mark.skipif(not instructions.are_available(), reason="valgrind is not installed")
def test_a_row_costs_no_more_instructions_than_it_did(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DIR", str(tmp_path))
    counted = instructions.measure()
    assert counted.keys() == MOST.keys()
    assert {what: count for what, count in counted.items() if count > MOST[what]} == {}
