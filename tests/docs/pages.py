"""
What the pages say to do: their blocks of code, in order, with the marks in front of them.

A mark is a comment of reStructuredText on the line before a block, so that no
reader sees it::

    .. file: blog/tasks.py

    .. code-block:: python

``file: path``       the block is that file
``append: path``     the block is added to that file
``settings``         the block is a variant of the settings: the system checks must pass
``background``       the command goes on running (a worker)
``server``           the command serves the site until the end of the page
``restart``          no block: start the worker again
``keep: name``       the block is put by
``here: name``       no block: here it is typed; ``here: name as path``: here it becomes that file
``part: service``    no block: what follows needs a server of that name, or is for a project on that
                     database alone; ``none``: for all
``dry-run: reason``  ``make`` commands are only looked up
``skip: reason``     the block is not run

A block inside of a comment is run as any other, and shown to nobody: it does what the page has its
reader do in a browser.
"""

import re
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

#: Languages whose blocks are run; the others of the pages are for reading.
RUN = frozenset({"python", "pycon", "console"})
READ = frozenset({"text", "ini", "sql", "html+django", "javascript", "json", "yaml", "docker"})

MARKS = frozenset(
    [
        "append",
        "background",
        "dry-run",
        "file",
        "here",
        "keep",
        "part",
        "restart",
        "server",
        "settings",
        "skip",
    ]
)
ALONE = frozenset({"restart", "here", "part"})

BLOCK = re.compile(r"^( *)\.\. (?:code-block|sourcecode|code):: *(\S*)$")
MARK = re.compile(r"^ *\.\. ([a-z-]+)(?:: (.+))?$")


@dataclass(frozen=True)
class Step:
    """One block, or one mark that stands alone."""

    page: str
    line: int
    language: str
    mark: str
    argument: str
    source: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Return every page of the documentation."""
    loose = [ROOT / "README.rst", ROOT / "CONTRIBUTING.rst", ROOT / "CHANGELOG.rst"]
    return [*loose, *sorted((ROOT / "docs").rglob("*.rst"))]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def steps(page: Path) -> list[Step]:
    """Return the steps of a page, in the order in which they are to be done."""
    found = _in_order_of_lines(name(page), page.read_text().splitlines())
    kept = {step.argument: step for step in found if step.mark == "keep"}
    ordered = [_replay(s, kept) if s.mark == "here" else s for s in found if s.mark != "keep"]
    if kept:
        raise ValueError(f"{name(page)}: kept and never run: {', '.join(kept)}")
    return ordered


def _replay(here: Step, kept: dict[str, Step]) -> Step:
    key, _, path = here.argument.partition(" as ")
    return replace(kept.pop(key), mark="file" if path else "", argument=path)


def _in_order_of_lines(page: str, lines: list[str]) -> list[Step]:
    found = []
    mark, argument = "", ""
    for number, line in enumerate(lines):
        if block := BLOCK.match(line):
            source = _body(lines[number + 1 :], len(block[1]))
            found.append(Step(page, number + 1, block[2], mark, argument, source))
        elif (match := MARK.match(line)) and match[1] in MARKS:
            mark, argument = match[1], match[2] or ""
            if mark not in ALONE:
                continue
            found.append(Step(page, number + 1, "", mark, argument, ""))
        elif not line.strip():
            continue  # between a mark and its block
        mark, argument = "", ""
    return found


def _body(lines: list[str], indent: int) -> str:
    """Return the indented text under a directive, without its options."""
    body = []
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        body.append(line)
    text = textwrap.dedent("\n".join(body)).strip("\n")
    while text.startswith(":"):
        text = text.partition("\n")[2].lstrip("\n")
    return text + "\n"


def commands(step: Step) -> list[str]:
    """Return the commands of a console block: its lines after ``$``, continued by ``\\``."""
    text = step.source.replace("\\\n", "")
    return [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
