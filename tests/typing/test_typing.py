"""
What mypy says of code that uses tasks.

The other files of this folder are never run. ``# E: part of a message`` marks the
lines that mypy has to refuse; every other line has to pass, in strict mode.
"""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy is only in the group 'lint'")
pytest.importorskip("mypy_django_plugin", reason="django-stubs is only in the group 'lint'")

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
EXAMPLES = sorted(path for path in FOLDER.glob("*.py") if not path.name.startswith(("test_", "_")))

MARK = re.compile(r"# E: (?P<part>.+)$")
MESSAGE = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): (?P<kind>error|note): (?P<text>.+)$")


def read_marks():
    """Return ``{(file, line): part of the expected message}``."""
    return {
        (path.name, number): match["part"].strip()
        for path in EXAMPLES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (match := MARK.search(line))
    }


@pytest.fixture(scope="module")
def said():
    """
    Return ``{(file, line): [errors]}``; one run of mypy for all examples.

    In a process of its own: the plugin sets Django up and replaces parts of it.
    """
    command = [sys.executable, "-m", "mypy", "--config-file", "tests/typing/mypy.ini"]
    done = subprocess.run(
        [*command, *(str(path.relative_to(ROOT)) for path in EXAMPLES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 1, f"{done.stdout}\n{done.stderr}"  # 1: errors found, 2: crashed
    errors = defaultdict(list)
    for line in done.stdout.splitlines():
        match = MESSAGE.match(line)
        if match and match["kind"] == "error":
            errors[Path(match["file"]).name, int(match["line"])].append(match["text"])
    return errors


def test_there_are_examples_of_both_kinds():
    assert len(EXAMPLES) >= 2
    assert len(read_marks()) >= 30


def test_mypy_refuses_what_must_fail(said):
    wrong = {
        place: said.get(place, "nothing")
        for place, part in read_marks().items()
        if not any(part in text for text in said.get(place, []))
    }
    assert not wrong


def test_mypy_passes_what_must_pass(said):
    unexpected = {place: texts for place, texts in said.items() if place not in read_marks()}
    assert not unexpected
