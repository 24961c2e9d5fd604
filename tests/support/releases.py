"""The release before this one, taken out of the repository."""

import io
import subprocess
import tarfile
from pathlib import Path

from tests.support.processes import ROOT

MIGRATIONS = "boogie/apps/tasks/migrations"


class NoReleaseError(Exception):
    """There is nothing to compare with; the message says why."""


def revision_before() -> str:
    """
    Return the revision whose code may run beside this one.

    The last tag of a release. Before the first release: the oldest revision whose tables are
    those of today, which is as far back as such a deploy could go.
    """
    if not (ROOT / ".git").exists():
        raise NoReleaseError("this is no checkout")
    tags = _git("tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname").split()
    if tags:
        return tags[0]
    if _git("status", "--porcelain", "--", MIGRATIONS).strip():
        raise NoReleaseError("no release yet, and the migrations differ from all that is committed")
    found = _git("log", "-1", "--format=%H", "--", MIGRATIONS).strip()
    if not found:
        raise NoReleaseError("no release yet, and a checkout without history")
    if _git("diff", "--quiet", found, "HEAD", "--", "boogie", check=False) is None:
        return found
    raise NoReleaseError("no release yet, and nothing was changed since the tables were")


def taken_out(revision: str, directory: Path) -> Path:
    """Write the package of ``revision`` into ``directory``; return what to put on the path."""
    archive = subprocess.run(
        ["git", "archive", revision, "boogie"], cwd=ROOT, check=True, capture_output=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(directory, filter="data")
    return directory


def _git(*arguments: str, check: bool = True) -> str | None:
    """Return what git says; ``None`` if it says no by its exit status, and need not say yes."""
    ended = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    if ended.returncode and check:
        raise NoReleaseError(f"git: {ended.stderr.strip()}")
    return None if ended.returncode else ended.stdout
