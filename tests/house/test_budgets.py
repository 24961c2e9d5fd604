"""
The budgets of the code that ruff does not count: length, depth, docstrings of methods.

Ruff asks every method for a docstring, also one that overrides what is documented elsewhere.
"""

import ast
import importlib
import inspect
import re
import statistics
from collections import Counter

import pytest

from tests.house.sources import APP, ROOT, functions, label, parse, python_files

MAX_FILE = 250
MAX_FUNCTION = 50
MAX_MEDIAN = 6
MAX_90TH_PERCENTILE = 25
MAX_FILES = 14
MAX_NESTING = 3

#: Files over a budget, with the reason. Migrations that Django wrote are nobody's prose.
GENERATED = {"boogie/apps/tasks/migrations/0001_initial.py": "written by makemigrations"}

FILES = [path for path in python_files("boogie") if label(path) not in GENERATED]
MODULES = [path for path in FILES if "migrations" not in path.parts]

#: Names that leave a docstring nothing to say: a predicate, and what Django calls by vendor.
SELF_EXPLAINING = re.compile(r"is_[a-z]+|as_(postgresql|mysql|oracle|sqlite)")

BLOCKS = (ast.If, ast.For, ast.While, ast.Try, ast.TryStar, ast.With, ast.Match)


def length(node):
    return node.end_lineno - node.lineno + 1


def nesting(node, depth=0):
    """Return how deep blocks lie in one another; functions inside count for themselves."""
    deepest = depth
    for field, value in ast.iter_fields(node):
        children = [child for child in _as_list(value) if isinstance(child, ast.AST)]
        # "elif" is an "if" alone in the "else" of another, and no deeper than that.
        is_elif = field == "orelse" and isinstance(node, ast.If) and len(children) == 1
        for child in children:
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            deeper = isinstance(child, BLOCKS) and not (is_elif and isinstance(child, ast.If))
            deepest = max(deepest, nesting(child, depth + deeper))
    return deepest


def _as_list(value):
    return value if isinstance(value, list) else [value]


def test_the_exceptions_still_exist():
    assert [name for name in GENERATED if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_file_has_at_most_250_lines(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_FILE, f"{label(path)} has {lines} lines"


def test_a_folder_has_at_most_14_files_but_the_doors():
    sizes = Counter(path.parent for path in FILES if path.name != "__init__.py")
    del sizes[APP]  # the public doors, and what everybody needs
    assert {label(folder): n for folder, n in sizes.items() if n > MAX_FILES} == {}


def test_every_folder_with_code_is_a_package_that_the_wheel_has():
    folders = {path.parent for path in FILES}
    assert sorted(label(one) for one in folders if not (one / "__init__.py").is_file()) == []


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_function_has_at_most_50_lines_and_three_levels(path):
    wrong = [
        f"{function.name}: {length(function)} lines, {nesting(function)} levels"
        for function in functions(parse(path))
        if length(function) > MAX_FUNCTION or nesting(function) > MAX_NESTING
    ]
    assert not wrong


def test_most_functions_are_short():
    lengths = [length(function) for path in FILES for function in functions(parse(path))]
    assert statistics.median(lengths) <= MAX_MEDIAN
    assert statistics.quantiles(lengths, n=10)[-1] <= MAX_90TH_PERCENTILE


@pytest.mark.parametrize(
    ("source", "depth"),
    [
        ("x = 1", 0),
        ("if a:\n    pass\nelif b:\n    pass\nelse:\n    pass", 1),
        ("if a:\n    pass\nelse:\n    if b:\n        pass\n    x = 1", 2),
        ("for a in b:\n    with c:\n        try:\n            pass\n        except D:\n"
         "            if e:\n                pass", 4),
        ("while a:\n    def inner():\n        if b:\n            pass", 1),
    ],
)  # fmt: skip
def test_nesting_is_counted_as_a_reader_sees_it(source, depth):
    assert nesting(ast.parse(source)) == depth


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_public_methods_that_override_nothing_have_docstrings(path):
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    undocumented = []
    for _, value in public(vars(importlib.import_module(name))):
        if inspect.isclass(value) and value.__module__ == name:
            undocumented += undocumented_in(value)
    assert not undocumented


def undocumented_in(cls):
    """Return the methods of a class that lack a docstring and override nothing."""
    missing = []
    for item, value in public(vars(cls)):
        function = getattr(value, "__func__", getattr(value, "fget", value))
        overrides = any(hasattr(base, item) for base in cls.__bases__)
        if inspect.isfunction(function) and not function.__doc__ and not overrides:
            missing.append(f"{cls.__qualname__}.{item}")
    return missing


def public(namespace):
    """Return the items of a namespace that have to explain themselves."""
    return [
        (name, value)
        for name, value in namespace.items()
        if not name.startswith("_") and name != "Meta" and not SELF_EXPLAINING.fullmatch(name)
    ]
