"""The real input: the source files of a directory, the standard library's by default."""

import sysconfig
from pathlib import Path

LIBRARY = Path(sysconfig.get_path("stdlib"))

#: Packages that were installed later are not the standard library.
FOREIGN = {"site-packages", "dist-packages"}

#: So many texts stand in for broken source files.
TEXTS = 2


def source_files(root: Path) -> list[Path]:
    """Return the source files under ``root``, in a fixed order."""
    return _files(root, "*.py")


def stand_ins(root: Path, sources: list[Path]) -> list[Path]:
    """
    Return files that are not Python, for a Python that comes without its tests.

    The tests have source files that are broken on purpose, called ``bad…``. Some
    distributions leave them out, and a demo without a failure shows too little.
    """
    if any(path.name.startswith("bad") for path in sources):
        return []
    return _files(root, "*.txt")[:TEXTS]


def _files(root: Path, pattern: str) -> list[Path]:
    return [
        path
        for path in sorted(root.rglob(pattern))
        if path.is_file() and FOREIGN.isdisjoint(path.relative_to(root).parts)
    ]
