"""
Data of JSON as trees for people: typed, exact, and cut where they are huge.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from boogie.apps.tasks.serialization import codec
from boogie.apps.tasks.serialization.instances import Reference

from . import exact

#: What is shown of one tree, at most.
NODES, CHARACTERS = 200, 20_000
#: Of one list or object, at most.
BREADTH = 100
#: Deeper levels are left out.
DEPTH = 20
#: How many levels are open at first, if they are not long.
OPEN, SHORT = 2, 25

#: Kinds that JSON has.
PLAIN = ("text", "number", "boolean", "null")

Items = list[tuple[str, Any]]


@dataclass
class Node:
    """A value, with what it holds. ``kind`` is what JSON or Python call it."""

    name: str
    kind: str
    text: str = ""
    children: list["Node"] = field(default_factory=list)
    #: How many values it holds, and how many of them are not among ``children``.
    size: int = 0
    left_out: int = 0
    is_branch: bool = False
    is_open: bool = False
    #: The instance that it stands for, and where that is shown to who looks; empty: nowhere.
    reference: Reference | None = None
    link: str = ""

    @property
    def is_typed(self) -> bool:
        """Whether its text alone does not say what it is."""
        return self.kind not in PLAIN

    @property
    def summary(self) -> str:
        """How much it holds, in words."""
        return ngettext("%(number)d value", "%(number)d values", self.size) % {"number": self.size}


@dataclass
class Tree:
    """Named values; ``is_cut``: something was left out."""

    nodes: list[Node]
    is_cut: bool = False

    def instances(self) -> Iterator[Node]:
        """Yield what stands for instances."""
        waiting = list(self.nodes)
        while waiting:
            node = waiting.pop()
            waiting += node.children
            if node.reference is not None:
                yield node


def tree(named: Items) -> Tree:
    """Return the tree of values that :func:`exact.loads` read, each with its name."""
    root = Node("", "", size=len(named), is_branch=True)
    grower = _Grower()
    grower.grow(root, named)
    return Tree(root.children, grower.is_cut)


class _Grower:
    """Grows trees level by level, as far as there is room: what is near the root is shown."""

    def __init__(self) -> None:
        self.nodes, self.characters, self.is_cut = NODES, CHARACTERS, False

    def grow(self, root: Node, named: Items) -> None:
        level = [(root, named)]
        for depth in range(DEPTH):
            level = [inner for node, items in level for inner in self._fill(node, items, depth)]
        for node, items in level:
            self._leave_out(node, len(items))

    def _fill(self, node: Node, items: Items, depth: int) -> list[tuple[Node, Items]]:
        """Give ``node`` its children; return those that have some themselves, and these."""
        room = min(self.nodes, BREADTH) if self.characters > 0 else 0
        grown = [self._node(name, value) for name, value in items[:room]]
        node.children = [child for child, _items in grown]
        node.is_open = depth <= OPEN and len(grown) <= SHORT
        self._leave_out(node, len(items) - len(grown))
        return [(child, inner) for child, inner in grown if child.is_branch]

    def _leave_out(self, node: Node, number: int) -> None:
        node.left_out = number
        self.is_cut = self.is_cut or number > 0

    def _node(self, name: str, value: Any) -> tuple[Node, Items]:
        self.nodes -= 1
        kind, value = _unmarked(value)
        name = self._taken(name)
        if isinstance(value, Reference):
            return Node(name, kind, self._taken(value.short), reference=value), []
        if not isinstance(value, list | dict):
            return Node(name, kind, self._taken(_in_words(value))), []
        items: Items = list(value.items()) if isinstance(value, dict) else _numbered(value)
        return Node(name, kind, size=len(items), is_branch=True), items

    def _taken(self, text: str) -> str:
        """Return as much of ``text`` as there is room for."""
        room = max(self.characters, 0)
        self.characters -= len(text)
        if len(text) <= room:
            return text
        self.is_cut = True
        return f"{text[:room]}…"


def _numbered(values: list[Any]) -> Items:
    return [(str(index), value) for index, value in enumerate(values)]


def _in_words(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)


def _unmarked(value: Any) -> tuple[str, Any]:
    """Return what a value is called, and the value; of a mark of JSON, text or a reference."""
    if isinstance(value, dict) and value.keys() == {"__type__", "__value__"}:
        try:
            found = json.loads(exact.dumps(value), cls=codec.Decoder)
        except codec.MALFORMED:
            return _("object"), value
        if isinstance(found, Reference):
            return _("instance"), found
        text = found.isoformat() if hasattr(found, "isoformat") else str(found)
        return type(found).__name__, text
    return _kind(value), value


def _kind(value: Any) -> str:
    if isinstance(value, exact.Number):
        return "number"
    kinds = {dict: _("object"), list: _("list"), str: "text", bool: "boolean"}
    return kinds.get(type(value), "null")
