"""The files of the checkout, as the tests of this room read them."""

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
APP = ROOT / "boogie/apps/tasks"
PACKAGE = "boogie.apps.tasks"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(*folders: str) -> list[Path]:
    """Return the Python files under ``folders`` of the checkout."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def label(path: Path) -> str:
    """Return how a failing test names ``path``."""
    return str(path.relative_to(ROOT))


def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def functions(tree: ast.AST) -> Iterator[Function]:
    """Yield every function of a tree, methods and nested ones included."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def repository_files() -> list[Path] | None:
    """Return the files that belong to the repository; ``None`` where this is no Git checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    if done.returncode:
        return None
    names = done.stdout.split("\0")
    return [path for name in names if name and (path := ROOT / name).is_file()]
