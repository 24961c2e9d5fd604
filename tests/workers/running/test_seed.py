"""The example of the documentation that started the project, with a real worker."""

import pytest

from boogie.apps.tasks import Task
from tests.project.blog.tasks import clean_user_posts
from tests.support.processes import PATIENCE
from tests.workers.traces import all_ended

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def author(user):
    """Somebody with two posts, one of them pinned."""
    user.posts.create(title="old")
    user.posts.create(title="kept", pinned=True)
    return user


def test_a_plain_call_runs_the_function_and_leaves_no_row(standing, author):
    assert clean_user_posts(author) == {"user": author.username, "removed": 1}
    assert not clean_user_posts.tasks(author).exists()


def test_call_runs_here_and_saves_the_result(standing, author):
    returned = clean_user_posts.call(author)
    assert returned == {"user": author.username, "removed": 1}
    row = clean_user_posts.tasks(author).get()
    assert row.is_finished
    assert row.get_result() == returned
    assert row.worker != standing.row.pk


def test_delayed_runs_in_the_background(standing, author):
    row = clean_user_posts.delayed(author, force=True)
    assert isinstance(row, Task)
    assert row.wait(PATIENCE) == {"user": author.username, "removed": 2}
    assert row.worker == standing.row.pk
    assert row.attempt == 1


def test_paused_waits_for_run(busy, author):
    row = clean_user_posts.paused(author)
    with busy():
        pass  # the worker has worked meanwhile
    row.refresh_from_db()
    assert row.is_paused
    assert author.posts.count() == 2
    assert row.run()
    assert row.wait(PATIENCE) == {"user": author.username, "removed": 1}


def test_schedule_starts_no_earlier_than_asked(standing, author):
    row = clean_user_posts.schedule(2, author)
    assert row.wait(PATIENCE) == {"user": author.username, "removed": 1}
    assert row.started >= row.scheduled_for
    assert (row.scheduled_for - row.created).total_seconds() == pytest.approx(2, abs=0.5)


def test_results_tasks_finished_and_clean_tell_the_history(standing, author):
    first = clean_user_posts.delayed(author)
    all_ended(first)
    second = clean_user_posts.delayed(author, force=True)
    paused = clean_user_posts.paused(author)
    all_ended(second)
    assert list(clean_user_posts.results(author)) == [
        {"user": author.username, "removed": 1},
        {"user": author.username, "removed": 1},
    ]
    assert set(clean_user_posts.tasks(author)) == {first, second, paused}
    assert set(clean_user_posts.finished(author)) == {first, second}
    assert clean_user_posts.clean(author, keep_last=True) == 1
    assert set(clean_user_posts.tasks(author)) == {second, paused}
    assert clean_user_posts.clean(author) == 1
    assert clean_user_posts.clean(author, finished=False) == 1
    assert not clean_user_posts.tasks(author).exists()


def test_an_object_that_is_not_there_any_more_has_no_run(busy, author):
    with busy():
        row = clean_user_posts.delayed(author)
        author.delete()
    (ended,) = all_ended(row)
    assert ended.is_failed
    assert ended.errors[0]["type"] == "boogie.apps.tasks.exceptions.ObjectGone"
