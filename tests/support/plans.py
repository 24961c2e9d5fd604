"""
How a database reads what a queryset asks for: by which indexes, with what scans and sorts.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connections


@dataclass
class Plan:
    """``text`` is what the database itself said."""

    text: str
    #: Indexes that are read, primary keys included.
    indexes: set[str] = field(default_factory=set)
    #: Tables that are read from end to end.
    scans: set[str] = field(default_factory=set)
    #: Whether rows, or groups of them, are put in order once they are read.
    sorts: bool = False

    @property
    def brief(self) -> str:
        """It all on one line."""
        parts = [", ".join(sorted(name.removeprefix("boogie_tasks_") for name in self.indexes))]
        parts += [f"SCAN {table}" for table in sorted(self.scans)]
        return "; ".join(parts + ["SORT"] * self.sorts)


def plan_of(queryset: Any) -> Plan:
    """Ask the database for its plan."""
    read = {"postgresql": _on_postgresql, "mysql": _on_mariadb, "sqlite": _on_sqlite}
    return read[connections[queryset.db].vendor](queryset)


def _on_postgresql(queryset: Any) -> Plan:
    text = queryset.explain(format="json")
    plan = Plan(text)
    for node in _nodes(json.loads(text)):
        if "Index Name" in node:
            plan.indexes.add(node["Index Name"])
        if node.get("Node Type") == "Seq Scan":
            plan.scans.add(node["Relation Name"])
        plan.sorts |= node.get("Node Type") in ("Sort", "Incremental Sort")
    return plan


def _on_mariadb(queryset: Any) -> Plan:
    text = json.loads(queryset.explain(format="json"))  # Django writes what it read as JSON
    plan = Plan(text)
    for node in _nodes(json.loads(_without_conditions(text))):
        if "table_name" in node:
            if node.get("access_type") == "ALL" and not node["table_name"].startswith("<"):
                plan.scans.add(node["table_name"])
            plan.indexes |= {node["key"]} if "key" in node else set()
        plan.sorts |= "filesort" in node or "read_sorted_file" in node
    return plan


def _without_conditions(text: str) -> str:
    """Return what MariaDB wrote without its conditions, in which it quotes no quotation marks."""
    return re.sub(r'("\w*condition": ").*("\s*,?)$', r"\1\2", text, flags=re.MULTILINE)


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a JSON document."""
    children: Any = ()
    if isinstance(tree, dict):
        yield tree
        children = tree.values()
    elif isinstance(tree, list):
        children = tree
    for child in children:
        yield from _nodes(child)


def _on_sqlite(queryset: Any) -> Plan:
    text = queryset.explain()
    plan = Plan(text)
    for line in text.splitlines():
        if found := re.search(r"USING (?:COVERING )?INDEX (\w+)", line):
            plan.indexes.add(found[1])
        elif found := re.search(r"\bSCAN (\w+)$", line):
            plan.scans.add(found[1])
        plan.sorts |= "USE TEMP B-TREE" in line
    return plan
