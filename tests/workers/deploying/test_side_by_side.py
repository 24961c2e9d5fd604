"""A rolling deploy: workers of this release and of the one before, on one table."""

import os

import pytest

from boogie.apps.tasks import Task
from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.support.processes import PATIENCE, ROOT
from tests.support.releases import NoReleaseError, revision_before, taken_out
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, let_go, new_user

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

#: What a dead worker has reserved is soon told to the other.
TIMES = {"HEARTBEAT": 1, "WORKER_TIMEOUT": 4, "RING_AGAIN": 2}
#: More than one worker takes at once: one that runs, and what it has reserved.
ROWS = 6


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Where the package of the release before lies."""
    try:
        revision = revision_before()
    except NoReleaseError as reason:
        pytest.skip(str(reason))
    return taken_out(revision, tmp_path_factory.mktemp("before"))


@pytest.fixture
def both(worker, before):
    """A worker of this release, and one of the release before; each runs one row at a time."""
    # Python looks where it is started before it looks along the path: -P.
    old = {"PYTHONPATH": os.pathsep.join([str(before), str(ROOT)])}
    one = {"BOOGIE_PREFETCH": "1"}
    return worker(tasks=TIMES, env=one), worker(tasks=TIMES, env=one | old, python=("-P",))


@pytest.fixture
def held(both, settings):
    """Rows that both are at, and posts that are to be let go."""
    settings.BOOGIE_TASKS = {**settings.BOOGIE_TASKS, **TIMES}  # who makes rows says when they ring
    author = new_user()
    posts = [Post.objects.create(author=author, title="held") for _ in range(ROWS)]
    rows = [tasks.hold.delayed(post) for post in posts]
    running = Task.objects.running().values_list("worker", flat=True)
    wait_until(lambda: set(running.all()) == {one.row.pk for one in both}, PATIENCE)
    yield posts, rows
    for post in posts:
        let_go(post)


def run_to_the_end(posts, rows):
    for post in posts:
        let_go(post)
    return all_ended(*rows)


def test_each_runs_from_its_own_files(both, before, user):
    rows = [tasks.home.delayed(user) for _ in range(20)]
    homes = {row.worker: row.result for row in all_ended(*rows)}
    ours, theirs = (one.row.pk for one in both)
    expected = {ours: str(ROOT), theirs: str(before)}
    assert homes.items() <= expected.items()


def test_both_run_rows_of_one_table(both, held):
    ended = run_to_the_end(*held)
    assert [(row.status, row.attempt) for row in ended] == [("finished", 1)] * ROWS
    assert {row.worker for row in ended} == {one.row.pk for one in both}


@pytest.mark.parametrize("dies", [0, 1], ids=["the new one dies", "the old one dies"])
def test_each_goes_on_with_what_the_other_leaves_when_it_is_killed(both, held, dies):
    dead, living = both[dies], both[1 - dies]
    key = dead.row.pk
    lost = Task.objects.running().get(worker=key)
    dead.kill()
    wait_until(lambda: Task.objects.filter(pk=lost.pk, losses=1).exists(), PATIENCE)
    ended = {row.pk: row for row in run_to_the_end(*held)}
    assert {row.status for row in ended.values()} == {"finished"}
    again = ended[lost.pk]
    assert (again.worker, again.attempt, again.losses) == (living.row.pk, 2, 1)
    assert key in again.errors[0]["message"]


def test_a_failure_that_one_has_noted_is_retried_by_the_other(both, user):
    for one in both:
        row = tasks.fail.delayed(user, "too many posts")
        (ended,) = all_ended(row)
        assert ended.is_failed
        assert ended.retry()
        (ended,) = all_ended(row)
        assert [error["message"] for error in ended.errors] == ["too many posts"] * 2
        one.check()
