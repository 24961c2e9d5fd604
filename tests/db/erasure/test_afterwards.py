"""What is left of a row that was erased, however it ended: history, and no second run."""

import pytest

from boogie.apps.tasks import Task
from boogie.apps.tasks.execution import start
from boogie.apps.tasks.lifecycle import transitions
from tests.project.blog.models import User
from tests.project.shop.models import Product
from tests.support.rows import columns, stored
from tests.support.runs import both_worlds, declared, work
from tests.support.statements import statements

from .bodies import SECRET, holds, tell

pytestmark = pytest.mark.django_db

EMPTY = {"args": [], "kwargs": {}, "result": None, "errors": [], "log": [], "context": {}}


@pytest.fixture
def user():
    return User.objects.create_user(SECRET)


def erase(obj):
    return Task.objects.for_object(obj).erase()


def is_blank(row):
    row.refresh_from_db()
    return {name: getattr(row, name) for name in EMPTY} == EMPTY and not holds(row)


# --- what is left -------------------------------------------------------------------------


@both_worlds
@pytest.mark.parametrize("raises", [False, True])
def test_what_a_body_left_is_gone_and_the_rest_stays(user, run, raises):
    row = run(tell, user, SECRET, raises=raises)
    before = columns(row)
    assert holds(row)

    assert erase(user) == 1

    assert is_blank(row)
    gone = {*EMPTY, "progress", "erased", "unique_key", "limits"}
    after = columns(row)
    assert {k: v for k, v in after.items() if k not in gone} == {
        k: v for k, v in before.items() if k not in gone
    }
    assert row.erased is not None
    if not raises:  # else SQLite undoes within a test what is not settled
        assert (row.progress.done, row.progress.total, row.progress.note) == (1, 2, "")


def test_what_was_erased_keeps_its_time_and_is_counted_once(user):
    row = work(tell.delayed(user, SECRET))
    assert erase(user) == 1
    when = Task.objects.get(pk=row.pk).erased
    assert when is not None

    assert erase(user) == 0
    assert Task.objects.get(pk=row.pk).erased == when


def test_it_has_no_result_any_more_whatever_its_task_makes_of_results(user, monkeypatch):
    body = declared(lambda user: {"name": SECRET})
    monkeypatch.setattr(body, "deserialize_result", lambda data: data["name"], raising=False)
    row = work(body.delayed(user))
    assert row.get_result() == SECRET

    erase(user)

    row.refresh_from_db()
    assert row.get_result() is None
    assert row.wait(0) is None
    assert list(body.results(user)) == []
    assert body.finished(user).count() == 1


def test_an_erased_row_does_not_run_again(user):
    waits, failed = tell.delayed(user, SECRET), work(tell.delayed(user, SECRET, raises=True))
    erase(user)

    assert [row.retry() for row in (waits, failed)] == [False, False]
    assert Task.objects.for_object(user).retry() == 0
    assert waits.is_cancelled
    assert failed.is_failed


def test_nor_does_one_that_was_cancelled_while_it_was_to_be_erased(user):
    row = tell.delayed(user, SECRET)
    start.claim(str(row.pk), row.name)
    erase(user)
    row.cancel()

    assert row.retry() is False


# --- while it runs ------------------------------------------------------------------------


@both_worlds
@pytest.mark.parametrize(("raises", "then"), [(False, "finished"), (True, "failed")])
def test_a_running_row_goes_on_and_is_blank_when_it_ends(user, run, raises, then):
    found = {}

    def body(self, user, name):
        found["number"] = erase(user)
        found["row"] = Task.objects.get(pk=self.row.pk)
        return tell(user, name, raises=raises)

    row = run(declared(body, bind=True, log="INFO"), user, SECRET)

    assert found["number"] == 1
    assert found["row"].is_running
    assert found["row"].args == [SECRET]
    assert row.status == then
    assert is_blank(row)
    assert row.erased is not None


@both_worlds
def test_one_that_is_retried_has_its_arguments_once_more(user, run):
    seen = []

    @declared(bind=True, max_retries=2, default_retry_delay=0)
    def again(self, user, name):
        seen.append(name)
        if self.row.attempt == 1:
            erase(user)
            raise self.retry(exc=LookupError(name))
        return name

    row = run(again, user, SECRET)

    assert seen == [SECRET, SECRET]
    assert row.is_finished
    assert is_blank(row)


def test_a_call_returns_what_it_returned(user):
    @declared
    def body(user, name):
        erase(user)
        return name

    assert body.call(user, SECRET) == SECRET


def test_what_an_atomic_body_did_is_committed(user):
    @declared(atomic=True)
    def body(user, name):
        erase(user)
        user.posts.create(title="done")

    row = work(body.delayed(user, SECRET))

    assert user.posts.count() == 1
    assert row.is_finished
    assert is_blank(row)


def test_what_waits_for_its_second_attempt_is_cancelled(user):
    @declared(bind=True)
    def again(self, user, name):
        raise self.retry(exc=LookupError(name), countdown=60)

    row = work(again.delayed(user, SECRET))
    assert row.is_queued
    assert erase(user) == 1
    assert is_blank(row)
    assert row.is_cancelled


# --- what it costs ------------------------------------------------------------------------


def test_many_rows_take_as_many_statements_as_one():
    counts = []
    for number in (1, 30):
        user = User.objects.create_user(f"user {number}")
        for status in ("finished", "queued", "running") * number:
            stored(status, user, args=[SECRET])
        with statements() as made:
            assert erase(user) == 3 * number
        counts.append(len(made))
    assert counts[0] == counts[1]


def test_a_run_that_has_its_row_pays_nothing_and_one_that_has_lost_it_two_statements(user):
    row, lost = tell.delayed(user, ""), tell.delayed(user, "")
    runs = [start.claim(str(one.pk), one.name) for one in (row, lost)]
    lost.cancel()
    counts = []
    for run in runs:
        with statements() as made:
            transitions.finish(Task.objects.using("default"), run.row, 1)
        counts.append(len(made))
    assert counts == [1, 3]


def test_rows_about_an_object_with_the_key_of_a_user_stay(user):
    product = Product.objects.create(pk=user.pk, name="pen")
    row = work(tell.using(requested_by=user).delayed(product, SECRET))

    assert erase(user) == 0
    row.refresh_from_db()
    assert row.args == [SECRET]
    assert row.requested_by_name == ""
