"""Whether the demo has kept its promise. Nothing that a row says is believed here."""

from collections.abc import Iterator

from demo.library.models import Document
from demo.library.parsing import parse
from demo.library.tasks import analyse


def complaints() -> list[str]:
    """
    Return everything that should not be; an empty list is a success.

    Every document has one row, every row has ended, and every failure is a
    file that Python, asked again in this process, cannot parse.
    """
    return [*_missing(), *_unended(), *_unexplained()]


def _missing() -> Iterator[str]:
    documents, rows = Document.objects.count(), analyse.tasks().count()
    if documents != rows:
        yield f"{documents} documents have {rows} rows"


def _unended() -> Iterator[str]:
    for row in analyse.tasks().with_objects().iterator():
        if not row.is_ended:
            yield f"{row.object} is still {row.status}"


def _unexplained() -> Iterator[str]:
    for row in analyse.tasks().cancelled().with_objects():
        yield f"{row.object} was cancelled"
    for row in analyse.tasks().failed().with_objects():
        if is_parsable(row.object):
            yield f"{row.object} failed, though Python can parse it: {row.error}"


def is_parsable(document: Document) -> bool:
    """Return whether Python can parse the file."""
    try:
        parse(document.read(), document.path)
    except (SyntaxError, ValueError):
        return False
    return True
