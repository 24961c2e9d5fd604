"""
Arguments and results as pages show them: a tree, or else the beginning of the text.
"""

from dataclasses import dataclass

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from boogie.apps.tasks.admin import objects
from boogie.apps.tasks.db.reading.instances import address

from . import exact, payloads, trees


@dataclass(frozen=True)
class Content:
    """Arguments or a result: a tree, or else the beginning of the text that is stored."""

    tree: trees.Tree | None = None
    text: str = ""
    is_shown: bool = True

    @property
    def is_cut(self) -> bool:
        """Whether there is more than is shown."""
        return self.tree is None or self.tree.is_cut


def arguments(payload: payloads.Payload) -> Content:
    """Return the arguments that a row carries."""
    try:
        return Content(trees.tree(payload.named), is_shown=payload.is_shown)
    except exact.UNREADABLE:
        return Content(text=payload.arguments_json()[: trees.CHARACTERS])


def linked(content: Content, request: HttpRequest, site: AdminSite) -> Content:
    """Have the instances in ``content`` lead to their pages, for those who may see them."""
    nodes = [] if content.tree is None else content.tree.instances()
    found = [(node, node.reference) for node in nodes if node.reference is not None]
    seen = objects.referred((reference for _node, reference in found), request, site)
    for node, reference in found:
        if (shown := seen.get(address(reference))) is not None:
            node.text, node.link = shown.text, shown.link
    return content


def result(payload: payloads.Payload) -> Content:
    """Return the result that a row carries."""
    if not payload.is_cut:
        try:
            return Content(trees.tree([("", payload.result_data())]))
        except exact.UNREADABLE:
            pass  # shown as it is stored
    return Content(text=payload.mask(payload.result or "")[: trees.CHARACTERS])
