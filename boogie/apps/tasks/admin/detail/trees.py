"""
Data of JSON as trees for people: typed, exact, and cut where they are huge.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from boogie.apps.tasks.serialization import codec

from . import exact

#: What is shown of one tree, at most.
NODES, CHARACTERS = 200, 20_000
#: Deeper levels are left out.
DEPTH = 20
#: How many levels are open at first, if they are not long.
OPEN, SHORT = 2, 25


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

    @property
    def summary(self) -> str:
        """How much it holds, in words."""
        return ngettext("%(number)d value", "%(number)d values", self.size) % {"number": self.size}


@dataclass
class Tree:
    """Named values; ``is_cut``: something was left out."""

    nodes: list[Node]
    is_cut: bool = False


def tree(named: list[tuple[str, Any]]) -> Tree:
    """Return the tree of values that :func:`exact.loads` read, each with its name."""
    builder = _Builder()
    nodes = builder.nodes_of(named, 1)
    return Tree(nodes, builder.is_cut or len(nodes) < len(named))


class _Builder:
    """Takes what there is room for."""

    def __init__(self) -> None:
        self.nodes, self.characters, self.is_cut = NODES, CHARACTERS, False

    def nodes_of(self, named: list[tuple[str, Any]], depth: int) -> list[Node]:
        found = []
        for name, value in named:
            if self.nodes <= 0 or self.characters <= 0:
                break
            found.append(self.node(name, value, depth))
        return found

    def node(self, name: str, value: Any, depth: int) -> Node:
        self.nodes -= 1
        kind, value = _unmarked(value)
        name = self._taken(name)
        if isinstance(value, list):
            items = [(str(index), item) for index, item in enumerate(value)]
            return self._branch(name, kind, items, depth)
        if isinstance(value, dict):
            return self._branch(name, kind, list(value.items()), depth)
        return Node(name, kind, self._taken(_in_words(value)))

    def _branch(self, name: str, kind: str, items: list[tuple[str, Any]], depth: int) -> Node:
        children = self.nodes_of(items, depth + 1) if depth < DEPTH else []
        left_out = len(items) - len(children)
        self.is_cut = self.is_cut or left_out > 0
        return Node(
            name,
            kind,
            children=children,
            size=len(items),
            left_out=left_out,
            is_branch=True,
            is_open=depth <= OPEN and len(children) <= SHORT,
        )

    def _taken(self, text: str) -> str:
        """Return as much of ``text`` as there is room for."""
        room = max(self.characters, 0)
        self.characters -= len(text)
        if len(text) <= room:
            return text
        self.is_cut = True
        return f"{text[:room]}…"


def _in_words(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return str(value)


def _unmarked(value: Any) -> tuple[str, Any]:
    """Return what a value is called, and the value; of a mark of Celery's JSON, as text."""
    if isinstance(value, dict) and value.keys() == {"__type__", "__value__"}:
        try:
            found = json.loads(exact.dumps(value), cls=codec.Decoder)
        except codec.MALFORMED:
            return _("object"), value
        text = found.isoformat() if hasattr(found, "isoformat") else str(found)
        return type(found).__name__, text
    return _kind(value), value


def _kind(value: Any) -> str:
    if isinstance(value, exact.Number):
        return "number"
    kinds = {dict: _("object"), list: _("list"), str: "text", bool: "boolean"}
    return kinds.get(type(value), "null")
