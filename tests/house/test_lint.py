"""Habits that no linter knows of."""

import ast
import re
from pathlib import Path

import pytest

from tests.house.sources import label, parse, python_files, repository_files

TESTS = [path for path in python_files("tests") if path.name.startswith(("test_", "conftest"))]

#: Folders that hold what belongs to one machine or person.
MACHINE_PATH = re.compile(r"(?<![\w.:/~$}*-])/(?:home|root|Users|work|tmp|private)/[\w.]")
WINDOWS_PATH = re.compile(r"\b[A-Z]:\\+Users\b")


def is_sleep(node):
    if isinstance(node, ast.ImportFrom):
        return node.module == "time" and any(alias.name == "sleep" for alias in node.names)
    return isinstance(node, ast.Attribute) and ast.unparse(node) == "time.sleep"


def is_print(node):
    return isinstance(node, ast.Name) and node.id in ("print", "breakpoint")


def lines_with(is_wrong, path):
    return [node.lineno for node in ast.walk(parse(path)) if is_wrong(node)]


@pytest.mark.parametrize("path", TESTS, ids=label)
def test_a_test_waits_for_an_event_and_never_sleeps(path):
    assert not lines_with(is_sleep, path), "wait with a helper, for what is to come true"


@pytest.mark.parametrize("path", python_files("boogie"), ids=label)
def test_the_package_prints_nothing(path):
    assert not lines_with(is_print, path)


@pytest.mark.parametrize(
    ("is_wrong", "source", "expected"),
    [
        (is_sleep, "import time\ntime.sleep(1)", [2]),
        (is_sleep, "from time import monotonic, sleep", [1]),
        (is_sleep, "import time\nevent.wait(1)", []),
        (is_print, "print(1)", [1]),
        (is_print, "self.stdout.print(1)", []),
    ],
)
def test_the_habits_are_recognised(tmp_path, is_wrong, source, expected):
    path = tmp_path / "source.py"
    path.write_text(source)
    assert lines_with(is_wrong, path) == expected


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
