"""
The steps of the rooms: a file imports only from steps above its own.

Nouns are rooms where things lie; verbs are corridors that a task walks; doors lead
outside, and no room imports a door. ``STEPS`` is the order; a file that is not in it
has no room yet.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.house.sources import APP, PACKAGE, label, parse, python_files

#: From the top down. A file imports from lines above its own, never from its own or below.
#: Two rooms of one kind stand on two lines where one needs the other; the comment says why.
STEPS = [
    # Leaves.
    ["exceptions", "states", "signals", "conf", "clock", "process", "failures", "patience"],
    ["protocols"],  # what a declaration and a row look like
    ["pacemaker"],  # a process of its own, which needs the clock
    ["arguments"],  # a leaf that reads the size limits of conf and raises our exceptions
    ["registry"],
    # The store.
    ["prepared"],  # statements that PostgreSQL keeps
    ["prebuilt"],  # statements that are compiled once
    [
        "fields",
        "sql",
        "announce",
    ],  # columns and statements: what transitions and models are written with
    ["migrations"],  # old states of the tables, made of fields and clock alone
    ["transitions", "results", "schema"],  # what querysets and models are put together from
    ["claiming"],  # the one transition that also reads
    ["querysets"],
    ["models"],
    # The flow.
    ["bell"],  # what a doorbell says
    ["doorbell"],
    ["enqueue"],  # rings the doorbell on commit
    ["bulk"],  # checks as enqueue does
    ["settle"],  # how a run ends, wherever it ran
    ["execute"],  # claim and run
    ["calls", "losses"],  # runs in the caller's process, and runs whose process is gone
    ["health"],  # looks at all of it
    ["heartbeat"],  # starts the pacemaker
    ["keeper"],  # loses the runs of dead workers
    # Declaring. Rooms of the flow are imported by the methods that need them.
    ["concrete", "each", "reading", "retrying", "cancelling"],  # the parts of BoogieTask
    ["declare"],
    # Doors.
    ["watch", "messages"],  # when the transport looks at the database
    ["consuming"],  # knows a Boogie task when it sees one
    ["channel"],  # its queues, which watch the database
    ["receivers", "request", "transport", "worker"],
    ["checks", "admin", "views", "templatetags", "management"],
    ["urls"],  # names the views
    # Wiring.
    ["apps", "celery", "__init__"],
]

WIRING = set(STEPS[-1])
DOORS = {room for rooms in STEPS[STEPS.index(["watch", "messages"]) : -1] for room in rooms}

#: A door may be imported by another one only if it is a part of that.
PARTS_OF_DOORS = {
    ("urls", "views"): "the names of the views",
    ("transport", "channel"): "the transport's queues",
    ("transport", "watch"): "when the transport looks at them",
    ("channel", "messages"): "what its queues hold",
    ("worker", "consuming"): "what the worker's connection can leave out",
    ("channel", "watch"): "the connection that both look through",
}

#: Where Django's app registry forces an import into a function: tasks are declared before
#: the models are ready, and ``apps.py`` is imported before the registry is.
DEFERRING = {"declare", "concrete", "each", "reading", "retrying", "cancelling", "__init__", "apps"}

#: Rooms named in a string, which something else imports, and why that is no import of ours.
NAMED_IN_STRINGS = {
    ("apps", "transport"): "kombu imports a transport when a connection is first made",
    ("declare", "request"): "Celery's worker imports the request class of a task; nobody else does",
    ("registry", "celery"): "the shipped app is made only where the project has none",
}

STEP_OF = {room: number for number, rooms in enumerate(STEPS) for room in rooms}
FILES = python_files(APP.relative_to(APP.parents[2]))


@dataclass(frozen=True)
class Import:
    """One import of a room by another."""

    importer: str
    room: str
    line: int
    deferred: bool

    def __str__(self) -> str:
        return f"{self.importer} (line {self.line}) imports {self.room}"


def room_of(path: Path) -> str:
    """Return the room of a file: its name, or that of the folder that it lies in."""
    return path.relative_to(APP).parts[0].removesuffix(".py")


def is_type_checking(node: ast.AST) -> bool:
    """Return whether ``node`` is an ``if TYPE_CHECKING:``."""
    return isinstance(node, ast.If) and ast.unparse(node.test) in (
        "TYPE_CHECKING",
        "typing.TYPE_CHECKING",
    )


def import_statements(
    node: ast.AST, deferred: bool = False
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Yield what a tree imports when it runs, and whether that is inside of a function."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node, deferred
        return
    children = node.orelse if is_type_checking(node) else ast.iter_child_nodes(node)
    inside = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    for child in children:
        yield from import_statements(child, inside)


def targets(path: Path, statement: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the dotted paths that a statement names."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    package = ".".join(path.relative_to(APP.parents[2]).parent.parts)
    for _ in range(statement.level - 1):
        package = package.rpartition(".")[0]
    if not statement.level:
        source = statement.module or ""
    else:
        source = f"{package}.{statement.module}" if statement.module else package
    return [f"{source}.{alias.name}" for alias in statement.names]


def room_named(target: str) -> str | None:
    """Return the room that a dotted path leads into; ``None`` for what is not ours."""
    if target != PACKAGE and not target.startswith(f"{PACKAGE}."):
        return None
    first = target.removeprefix(PACKAGE).removeprefix(".").partition(".")[0]
    exists = (APP / f"{first}.py").exists() or (APP / first).is_dir()
    return first if first and exists else "__init__"


def imports() -> list[Import]:
    """Return every import between rooms."""
    found = []
    for path in FILES:
        importer = room_of(path)
        for statement, deferred in import_statements(parse(path)):
            rooms = {room_named(target) for target in targets(path, statement)}
            found += [
                Import(importer, room, statement.lineno, deferred)
                for room in rooms
                if room is not None and room != importer
            ]
    return found


@pytest.mark.parametrize("path", FILES, ids=label)
def test_every_file_has_a_room(path):
    room = room_of(path)
    assert room in STEP_OF, f"{label(path)} has no room: give {room!r} a place in STEPS"


def test_a_file_imports_only_from_steps_above_its_own():
    found = imports()
    assert len(found) > 50
    wrong = [str(i) for i in found if STEP_OF[i.room] >= STEP_OF[i.importer]]
    assert not wrong


def test_no_room_imports_a_door():
    found = [i for i in imports() if i.room in DOORS and i.importer not in WIRING]
    wrong = [str(i) for i in found if (i.importer, i.room) not in PARTS_OF_DOORS]
    assert not wrong
    assert {(i.importer, i.room) for i in found} == set(PARTS_OF_DOORS)


def test_imports_are_deferred_only_where_the_app_registry_forces_them():
    wrong = [str(i) for i in imports() if i.deferred and i.importer not in DEFERRING]
    assert not wrong


def test_nothing_is_deferred_in_vain():
    """A room that no longer defers an import loses the right to."""
    assert {i.importer for i in imports() if i.deferred} == DEFERRING


def strings(path: Path) -> Iterator[str]:
    """Yield the string constants of a file that are no docstrings."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    tree = parse(path)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and ast.get_docstring(node) is not None
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and id(node) not in docstrings:
            yield node.value


def test_no_import_hides_in_a_string():
    pattern = re.compile(rf"{re.escape(PACKAGE)}\.(\w+)")
    named = {
        (room_of(path), room_named(match.group()))
        for path in FILES
        for text in strings(path)
        for match in pattern.finditer(text)
    }
    assert named == set(NAMED_IN_STRINGS)


def test_what_is_declared_early_imports_no_model():
    """Not even by way of another room: tasks are declared in ``models.py`` of other apps."""
    direct = {}
    for one in imports():
        if not one.deferred:
            direct.setdefault(one.importer, set()).add(one.room)
    reached, waiting = set(), ["__init__"]
    while waiting:
        room = waiting.pop()
        reached.add(room)
        waiting += direct.get(room, set()) - reached
    assert "declare" in reached
    assert not reached & {"models", "querysets", "enqueue", "execute", "keeper"}
