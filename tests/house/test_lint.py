"""Habits that no linter knows of."""

import re
from pathlib import Path

import pytest

from tests.house.sources import label, repository_files

#: Folders that hold what belongs to one machine or person.
MACHINE_PATH = re.compile(r"(?<![\w.:/~$}*-])/(?:home|root|Users|work|tmp|private)/[\w.]")
WINDOWS_PATH = re.compile(r"\b[A-Z]:\\+Users\b")


def test_no_file_names_a_path_of_one_machine():
    files = repository_files()
    if files is None:
        pytest.skip("not a Git checkout: which files belong to it cannot be told")
    assert len(files) > 50
    found = {label(path): paths for path in files if (paths := machine_paths(path))}
    assert not found


def machine_paths(path):
    """Return the absolute paths of a machine that a text file names."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return []
    home = str(Path.home())
    found = MACHINE_PATH.findall(text) + WINDOWS_PATH.findall(text)
    return found + [home] * (len(home) > 5 and f"{home}/" in text)


@pytest.mark.parametrize(
    ("parts", "is_path"),
    [
        (["", "home", "someone", "project"], True),
        (["at ", "tmp", "x"], True),
        (["https://example.org", "home", "page"], False),
        (["docs", "work", "page"], False),
        (["", "work", ""], False),
    ],
)
def test_paths_of_a_machine_are_recognised(tmp_path, parts, is_path):
    path = tmp_path / "file"
    path.write_text("/".join(parts))
    assert bool(machine_paths(path)) is is_path
