"""The map of the rooms in CONTRIBUTING is the one that import-linter keeps."""

import re
import tomllib

from tests.house.sources import APP, ROOT

TEXT = (ROOT / "CONTRIBUTING.rst").read_text(encoding="utf-8")
CONFIGURATION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def steps():
    """Return the rooms of each step, from the top down."""
    (layers,) = [
        contract["layers"]
        for contract in CONFIGURATION["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    ]
    return [set(re.findall(r"\w+", layer)) for layer in layers]


def drawn():
    """Return the rooms of each line of the drawing."""
    start = TEXT.index("            what Django calls")
    lines = TEXT[start:].partition("\n\n")[0].splitlines()
    rooms = set().union(*steps())
    return [[word for word in re.findall(r"\w+", line[28:]) if word in rooms] for line in lines]


def test_the_drawing_shows_every_room_on_its_step():
    step_of = {room: number for number, rooms in enumerate(steps()) for room in rooms}
    shown = [{step_of[room] for room in line} for line in drawn()]
    assert all(len(numbers) == 1 for numbers in shown), shown
    assert shown == sorted(shown, key=min)
    assert {room for line in drawn() for room in line} == set(step_of)


def test_the_files_that_are_named_exist():
    table = TEXT.partition("Where do I change")[2].partition("The tests of a room")[0]
    named = re.findall(r"^     - ``([\w/.]+)``$", table, flags=re.MULTILINE)
    assert len(named) >= 20
    assert [name for name in named if not (APP / name).is_file()] == []
