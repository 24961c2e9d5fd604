"""
What measures a fleet, in a tiny size: it runs to its end, on the database of this session.

How fast that is says nothing here; the figures are taken on a machine that does nothing else.
"""

import os
import re
import subprocess
import sys

import pytest

from bench.fleet import statements
from tests.project import services
from tests.support.processes import ROOT
from tests.support.servers.programs import Absent, find, find_postgresql

PROGRAMS = {
    "postgresql": lambda: find_postgresql("initdb"),
    "mariadb": lambda: find("mariadb-install-db"),
}

#: Longer than any of it takes.
PATIENCE = 300


def fleet(*options):
    """Run a figure; return the lines that it writes."""
    try:
        PROGRAMS[services.DATABASE]()
    except KeyError:
        pytest.skip("a fleet is on a server")
    except Absent as error:
        pytest.skip(str(error))
    done = subprocess.run(
        [sys.executable, "-m", "bench.fleet", *map(str, options)],
        cwd=ROOT,
        env={**os.environ, "DATABASE": services.DATABASE, "BROKER": "boogie"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_statements_of_an_idle_fleet_are_counted_by_kind():
    first, total, each, connected, used, *kinds = fleet(
        "idle", "--workers", 2, "--seconds", 6, "--warm", 1
    )
    assert first.startswith("2 idle workers")
    number = float(total.split()[0])
    assert number > 0
    assert float(each.split()[0]) == pytest.approx(number / 2, abs=0.01)
    assert int(connected.split()[0]) >= 4  # each has those of its keeper, and of its event loop
    assert used.split()[0].endswith("%")
    counts = {line.split(maxsplit=1)[1]: float(line.split()[0]) for line in kinds}
    assert sum(counts.values()) == pytest.approx(number, abs=0.01 * len(counts))
    assert any(kind.startswith("SELECT message") for kind in counts)


@pytest.mark.skipif(services.DATABASE != "postgresql", reason="PostgreSQL notifies")
def test_who_wakes_for_rows_is_counted():
    found, rows, *_ = fleet("wake", "--workers", 2, "--rows", 2, "--rounds", 1, "--body", 0)
    woke, fetches, of_nothing = map(int, re.findall(r"\d+", found))
    assert 1 <= woke <= 2
    assert fetches - of_nothing >= 1
    assert rows.startswith("2 rows")


def test_clients_settle_what_comes_and_leave_what_waits():
    lines = fleet(
        *("clients", "--clients", "1,2", "--rows", 40, "--waiting", 100, "--queues", 2),
        *("--rounds", 1),
    )
    rates = [line for line in lines if "rows a second" in line]
    assert [int(line.split()[0]) for line in rates] == [1, 2]
    assert all(float(line.split()[2]) > 0 for line in rates)


def test_work_over_few_and_over_many_rows_is_compared():
    lines = fleet(
        *("tenmillion", "--rows", "2500,3000", "--portion", 20, "--purged", 200, "--rounds", 1)
    )
    compared = r"(\w+) +[\d,]+ over 2,500, [\d,]+ over 3,000: ([\d.]+)"
    found = [re.fullmatch(compared, line) for line in lines]
    measured = {one[1]: float(one[2]) for one in found if one}
    assert measured.keys() == {"enqueue", "claim", "rescue", "drain", "purge"}
    assert min(measured.values()) > 0


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('SELECT 1 FROM "boogie_tasks_task" JOIN "boogie_tasks_hold"', "SELECT task, hold"),
        ("UPDATE `boogie_tasks_worker` SET `seen` = ?", "UPDATE worker"),
        (
            'UPDATE "boogie_tasks_task" SET a WHERE id IN (SELECT 1 FOR UPDATE SKIP LOCKED)',
            "UPDATE task (takes rows)",
        ),
        ("COMMIT", "COMMIT"),
    ],
)
def test_a_kind_is_the_verb_and_the_tables(text, kind):
    assert statements.kind(text) == kind
