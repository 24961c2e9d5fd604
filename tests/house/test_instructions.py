"""
What a row costs in machine instructions, as the benchmark counts them.

Counted by callgrind, on SQLite: the count is the same on a busy machine and on a slow one.
"""

import pytest

from bench import instructions

#: Counted on Python 3.13 with Django 6.1 and Celery 5.7 when rows could do no more than run. What
#: a task does not use costs it nothing.
MOST = {"enqueue": 1_015_000, "run": 3_730_000}

#: How much more of it a row of a unique task may take.
UNIQUE = 1.3


@pytest.mark.skipif(not instructions.are_available(), reason="valgrind is not installed")
def test_a_row_costs_no_more_instructions_than_it_did(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DIR", str(tmp_path))
    counted = instructions.measure_all()
    unique = counted.pop("unique")
    assert counted.keys() == MOST.keys()
    assert {what: count for what, count in counted.items() if count > MOST[what]} == {}
    assert unique <= UNIQUE * counted["enqueue"]
