"""Every command and every Python example of the documentation is executed, in real projects."""

import contextlib
import re
import shutil
import uuid

import django
import pytest

from tests.docs import databases, pages
from tests.docs.pages import ROOT
from tests.docs.reader import Reader
from tests.project import services

README = ROOT / "README.rst"
TUTORIAL = ROOT / "docs/tutorial.rst"


def has_something_to_run(page):
    """On SQLite: anything. Elsewhere: what is typed or executed, and may find a database."""
    steps = [s for s in pages.steps(page) if s.mark not in ("skip", "dry-run")]
    if databases.DATABASE == "sqlite":
        return any(step.language in pages.RUN for step in pages.steps(page))
    return any(step.language in ("pycon", "console") for step in steps)


#: Of which Django a page's examples are.
SINCE = {"docs/howto/django-tasks.rst": (6, 1)}

#: The other pages with something to run.
RUNNABLE = [
    page for page in pages.pages() if page not in (README, TUTORIAL) and has_something_to_run(page)
]


def parts(page):
    """Return the steps of a page by the server that they need; '' needs that of this session."""
    found = {"": []}
    part = ""
    for step in pages.steps(page):
        if step.mark == "part":
            part = "" if step.argument in ("none", databases.DATABASE) else step.argument
        found.setdefault(part, []).append(step)
    return found


@pytest.fixture(scope="module")
def read(tmp_path_factory, django_db_blocker):
    """Return a function: page → the reader who has done the first part of it, once."""
    readers = {}
    done = set()

    def read(page, like=None):
        """``like``: the reader of the page whose end is this page's beginning."""
        if page not in readers:
            readers[page] = Reader(tmp_path_factory.mktemp("reader") / "site")
            with django_db_blocker.unblock():
                begin(readers[page], like)
            readers[page].do_all(parts(page)[""])
            done.add(page)
        if page not in done:
            pytest.fail(f"{pages.name(page)} did not work")
        return readers[page]

    yield read
    for reader in readers.values():
        reader.close()
        with django_db_blocker.unblock():
            databases.drop(reader.database)


def begin(reader, like):
    if like is None:
        reader.directory.mkdir()
        databases.create(reader.database, None)
        return
    like.close()
    databases.create(reader.database, like.database)
    shutil.copytree(like.directory, reader.directory)
    reader.worker_command = like.worker_command


@contextlib.contextmanager
def own_corner_of_redis(reader, settings):
    """Prefix every key of this project, and delete them in the end."""
    import redis

    prefix = f"docs-{uuid.uuid4().hex}:"
    path = reader.directory / settings
    with path.open("a") as file:
        file.write(f"\nCELERY_BROKER_TRANSPORT_OPTIONS = {{'global_keyprefix': {prefix!r}}}\n")
    try:
        yield
    finally:
        reader.close()
        url = re.search('redis://[^"]+', path.read_text())[0]
        with redis.Redis.from_url(url) as client:
            for key in client.scan_iter(f"{prefix}*"):
                client.delete(key)


def need(service):
    if services.answers(service):
        return
    if services.REQUIRED:
        pytest.fail(f"no answer from {service}")
    pytest.skip(f"no answer from {service}")


@pytest.mark.worker
def test_a_newcomer_who_follows_the_readme_runs_their_first_task(read):
    read(README)


@pytest.mark.worker
def test_a_newcomer_is_on_redis_by_changing_one_setting(read):
    need("redis")
    reader = read(README)
    with own_corner_of_redis(reader, "mysite/settings.py"):
        reader.do_all(parts(README)["redis"])


@pytest.mark.worker
def test_the_tutorial_works_from_its_first_line_to_its_last(read):
    read(TUTORIAL)


@pytest.mark.worker
@pytest.mark.parametrize("page", RUNNABLE, ids=pages.name)
def test_the_examples_of_the_page_work_in_the_project_of_the_tutorial(page, read):
    if (since := SINCE.get(pages.name(page), (0,))) > django.VERSION:
        pytest.skip(f"needs Django {'.'.join(map(str, since))}")
    reader = read(page, like=read(TUTORIAL))
    reader.close()
