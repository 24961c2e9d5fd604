"""Python's own parser, on source files that may be odd."""

import ast
import warnings


def parse(source: bytes, filename: str) -> ast.Module:
    """
    Return the syntax tree of a source file; ``filename`` is for the text of errors.

    Raise what Python raises for a file that it cannot parse: ``SyntaxError``,
    or ``ValueError`` for a NUL character (before Python 3.12).
    """
    with warnings.catch_warnings():
        # Of its oddities, such as "\d" in plain text; they are not what we are after.
        warnings.simplefilter("ignore")
        return ast.parse(source, filename)
