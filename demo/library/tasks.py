"""Background work about documents."""

import ast
import logging
import time
from collections import Counter
from typing import Any, Literal

from boogie.apps.tasks import Concurrency, task, track

from .models import Document
from .parsing import parse

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)

logger = logging.getLogger(__name__)


@task(label="Analyse")
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


@task(label="Count words", log="INFO")
def count_words(document: Document, most: int = 10, seconds: float = 10.0) -> dict[str, int]:
    """Count the words of a file slowly enough to watch: it takes ``seconds``."""
    lines = document.read().decode(errors="replace").splitlines()
    logger.info("%s lines to read", len(lines))
    words: Counter[str] = Counter()
    for line in track(lines, note="reading"):
        words.update(line.split())
        time.sleep(seconds / len(lines))
    return dict(words.most_common(most))


class TooLong(Exception):
    """A line that is longer than a style permits."""


@task(label="Check style", max_retries=1, default_retry_delay=2, autoretry_for=(TooLong,))
def check_style(
    document: Document,
    style: Literal["compact", "wide"] = "compact",
    limit: int | None = None,
    ignore: list[str] | None = None,
) -> int:
    """Return how many lines a file has, if none is longer than its style permits."""
    longest = limit or {"compact": 79, "wide": 99}[style]
    lines = document.read().decode(errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if len(line) > longest and not any(word in line for word in ignore or ()):
            raise TooLong(f"line {number} has {len(line)} characters; {style} permits {longest}")
    return len(lines)


@task(label="Index", unique="waiting")
def index(document: Document) -> int:
    """Count the words of a file, for a search; of calls that wait one is enough."""
    return len(document.read().split())


@task(label="Print", limits=[Concurrency(1, by="object", name="printer")])
def print_out(document: Document, page: int = 1) -> int:
    """Print a page of a document; of one document one page at a time."""
    time.sleep(0.1)
    return page


@task(label="Bind", bind=True)
def bind_pages(self: Any, document: Document) -> list[int]:
    """Return the pages that were printed before."""
    return [row.get_result() for row in self.row.needs]


@task(label="Announce")
def announce(document: Document, edition: Any) -> str:
    """Tell of an edition whose rows have all finished."""
    return f"{edition.title}: {edition.counts()['finished']} finished"


@task(label="Forget", danger=True)
def forget(document: Document, reason: str) -> str:
    """Forget a document: it is deleted, the file is not."""
    document.delete()
    return reason
