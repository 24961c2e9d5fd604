"""
What names in the annotations of a function mean, those included that only type checkers import.

Nothing is imported for that.
"""

import ast
import builtins
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec, resolve_name
from typing import Any, TypeVar, get_args, get_origin

from django.apps import apps

#: Statements of a module in which imports may stand: ``if TYPE_CHECKING:``, for one.
BLOCKS = (ast.If, ast.Try, ast.With)

#: What stands in place of type variables.
Variables = Mapping[TypeVar, Any]


class Names(dict[str, Any]):
    """
    Names, and what they mean in the module of a function.

    A name that is there for type checkers alone is what its import says. If nobody knows, it is
    taken for a model's: of the function's own app, or of the only app that has one.
    """

    def __init__(self, function: Any, variables: Variables) -> None:
        super().__init__({one.__name__: one for one in getattr(function, "__type_params__", ())})
        self._function = function
        self._variables = variables
        self._globals = getattr(function, "__globals__", {})
        self._module = getattr(function, "__module__", "") or ""

    def given_for(self, variable: TypeVar) -> tuple[Any, "Names"]:
        """Return what the class of a task has put in place of a variable, and the names there."""
        return self._variables.get(variable), Names(self._function, {})

    def __missing__(self, name: str) -> Any:
        for names in (self._globals, vars(builtins)):
            if name in names:
                return names[name]
        source = imports(self._module).get(name)
        if source is not None and _exists(source[0]):
            return _loaded(*source)
        found = list(_models_called(name))
        near = [model for model in found if model._meta.app_config is self._app()]
        (model,) = near or found
        return model

    def _app(self) -> Any:
        return apps.get_containing_app_config(self._module)


def variables(kind: type, owner: type) -> Variables:
    """Return what ``kind`` puts in place of the type variables of ``owner``, its base."""
    return _passed_on(kind, owner, {})


def _passed_on(kind: type, owner: type, known: Variables) -> Variables:
    if kind is owner:
        return known
    for base in vars(kind).get("__orig_bases__", kind.__bases__):
        origin = get_origin(base) or base
        if isinstance(origin, type) and issubclass(origin, owner):
            pairs = zip(getattr(origin, "__parameters__", ()), get_args(base), strict=False)
            return _passed_on(origin, owner, {one: _known(given, known) for one, given in pairs})
    return {}


def _known(given: Any, known: Variables) -> Any:
    """Return what is given for a variable: what was known for it, if that is one itself."""
    return known.get(given, given) if isinstance(given, TypeVar) else given


@cache
def imports(module: str) -> dict[str, tuple[str, str]]:
    """Return which names the source of a module imports: from which module, as what there."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (KeyError, OSError, TypeError, SyntaxError):  # typed into a shell, for one
        return {}
    package = getattr(sys.modules[module], "__package__", None) or ""
    found: dict[str, tuple[str, str]] = {}
    for node in _statements(tree.body):
        if isinstance(node, ast.ImportFrom):
            source = _absolute(node, package)
            found.update({one.asname or one.name: (source, one.name) for one in node.names})
        elif isinstance(node, ast.Import):
            for one in node.names:
                top = one.name.partition(".")[0]
                found[one.asname or top] = (one.name if one.asname else top, "")
    return found


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, without those of its functions and classes."""
    for node in body:
        yield node
        if isinstance(node, BLOCKS):
            inner = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)]
            yield from _statements(inner)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    try:
        return resolve_name("." * node.level + (node.module or ""), package)
    except ImportError:
        return ""


def _exists(module: str) -> bool:
    """Return whether there is the package of a module, as far as can be told without importing."""
    top = module.partition(".")[0]
    return bool(top) and (top in sys.modules or find_spec(top) is not None)


def _loaded(module: str, name: str) -> Any:
    """Return what is imported; ``LookupError`` if nobody has loaded it: then it is no model."""
    found = sys.modules[module]
    if not name:
        return found
    if name in vars(found):
        return vars(found)[name]
    return sys.modules[f"{module}.{name}"]


def _models_called(name: str) -> Iterator[Any]:
    return (model for model in apps.get_models() if model.__name__ == name)
