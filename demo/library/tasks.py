"""Background work about documents."""

import ast
from collections import Counter
from typing import Any

from boogie.apps.tasks import task

from .models import Document
from .parsing import parse

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@task
def analyse(document: Document, names: int = 3) -> dict[str, Any]:
    """Count what is in a source file, and find the ``names`` that it uses most."""
    source = document.read()
    nodes = list(ast.walk(parse(source, document.path)))
    used = Counter(node.id for node in nodes if isinstance(node, ast.Name))
    return {
        "lines": len(source.splitlines()),
        "functions": sum(isinstance(node, FUNCTIONS) for node in nodes),
        "classes": sum(isinstance(node, ast.ClassDef) for node in nodes),
        "names": [name for name, _ in used.most_common(names)],
    }
