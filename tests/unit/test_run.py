"""What fails beside other tests runs once more by itself."""

import sys

import pytest

from tests import run

#: Fails when it runs for the first time, if there is a file of this name.
ONCE = """
import pathlib
import pytest

FIRST = pathlib.Path(__file__).with_name("first")

@pytest.mark.parametrize("text", ["a b - [c]", "d"])
def test_once(text):
    if FIRST.exists() and text != "d":
        FIRST.unlink()
        raise ValueError("first - time")

def test_never():
    assert FIRST.with_name("fails").exists() is False
"""


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Return what runs the tests above in a folder with files of these names."""
    (tmp_path / "test_them.py").write_text(ONCE)
    monkeypatch.setattr(run, "ROOT", tmp_path)

    def start(*files):
        for name in files:
            (tmp_path / name).touch()
        sessions = [("sqlite", "boogie", ["test_them.py"])]
        return run.run(sessions, [sys.executable], ["-p", "no:django"])

    return start


def test_what_passes_alone_is_named_and_fails_nothing(runs, capsys):
    assert runs("first")
    said = capsys.readouterr().out
    assert "UNSTEADY" in said
    assert "test_once[a b - [c]]\n1 passed, 0 failed" in said
    assert "ValueError: first" in said


def test_what_fails_again_fails(runs, capsys):
    assert not runs("first", "fails")
    said = capsys.readouterr().out
    assert "UNSTEADY" not in said
    assert "0 passed, 1 failed" in said


def test_where_much_fails_nothing_runs_again(runs, capsys, monkeypatch):
    monkeypatch.setattr(run, "FEW", 0)
    assert not runs("first")
    assert capsys.readouterr().out.count("=== sqlite") == 1
