"""results(), tasks(), finished(), for_object(), and a row's own view of itself."""

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from boogie.apps.tasks import BoogieTask, Task, TaskCancelled, TaskFailed, registry
from tests.project.shop.models import Bargain, Product
from tests.support.rows import stored
from tests.support.runs import declared, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db


@declared
def double(product, n):
    if n < 0:
        raise ValueError(f"{n} is negative")
    return 2 * n


@declared
def other(product, n=0):
    return "other"


class Big(BoogieTask):
    def run(self, product, n):
        return {n, n + 1}

    def serialize_result(self, result):
        return sorted(result)

    def deserialize_result(self, data):
        return set(data)


big = Big.as_task(name="db.reading.big")


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def cup():
    return Product.objects.create(name="cup")


def test_results_are_those_of_finished_rows_in_order_of_creation(pen, cup):
    rows = [double.delayed(pen, n) for n in range(3)]
    double.delayed(cup, 10)
    double.paused(pen, 11)
    other.call(pen)
    failing = double.delayed(pen, -1)
    for row in (rows[2], failing, rows[0], rows[1]):
        work(row)
    double.call(cup, 20)
    assert list(double.results()) == [0, 2, 4, 40]
    assert list(double.results(pen)) == [0, 2, 4]
    assert list(double.results(cup)) == [40]
    assert list(other.results(cup)) == []


def test_results_are_sized_indexable_comparable_and_may_be_iterated_twice(pen):
    for n in range(4):
        double.call(pen, n)
    results = double.results(pen)
    assert len(results) == 4
    assert results[0] == 0
    assert results[-1] == 6
    assert results[1:3] == [2, 4]
    assert results == [0, 2, 4, 6]
    assert list(results) == list(results)
    assert bool(results) is True
    assert bool(double.results(Product.objects.create(name="none"))) is False


def test_results_are_deserialized(pen):
    big.call(pen, 5)
    assert big.tasks().get().result == [5, 6]
    assert list(big.results(pen)) == [{5, 6}]
    assert big.tasks().get().get_result() == {5, 6}


def test_tasks_are_all_rows_of_this_task_and_finished_the_finished_ones(pen, cup):
    done, failed, paused = double.delayed(pen, 1), double.delayed(pen, -1), double.paused(cup, 1)
    other.delayed(pen)
    work(done)
    work(failed)
    assert set(double.tasks()) == {done, failed, paused}
    assert set(double.tasks(pen)) == {done, failed}
    assert set(double.finished()) == {done}
    assert set(double.finished(cup)) == set()


def test_all_rows_about_an_object_are_found_whatever_their_task(pen, cup):
    mine = {double.delayed(pen, 1), other.paused(pen)}
    double.delayed(cup, 1)
    assert set(Task.objects.for_object(pen)) == mine
    assert set(Task.objects.queued().for_object(pen)) == {r for r in mine if r.is_queued}


@pytest.mark.parametrize("thing", [None, 5, "pen", Product])
def test_for_object_refuses_what_is_no_instance(thing):
    with pytest.raises(TypeError):
        Task.objects.for_object(thing)


def test_for_object_refuses_an_unsaved_instance():
    with pytest.raises(ValueError, match="never saved"):
        Task.objects.for_object(Product(name="new"))


def test_two_models_with_the_same_key_do_not_meet(pen):
    from tests.project.blog.models import User

    user = User.objects.create(pk=pen.pk, username="u")
    row = double.delayed(pen, 1)
    assert list(Task.objects.for_object(user)) == []
    assert list(Task.objects.for_object(pen)) == [row]


ADJECTIVES = ["paused", "queued", "running", "finished", "failed", "cancelled"]


@pytest.mark.parametrize("status", ADJECTIVES)
def test_every_status_has_its_adjective_and_its_property(status):
    rows = {s: stored(s) for s in ADJECTIVES}
    assert list(getattr(Task.objects, status)()) == [rows[status]]
    assert [s for s in ADJECTIVES if getattr(rows[status], f"is_{s}")] == [status]
    assert rows[status].is_ended == (status in ("finished", "failed", "cancelled"))
    with pytest.raises(AttributeError, match=f"is {status} follows from its status"):
        setattr(rows[status], f"is_{status}", False)


def test_ended_rows_are_the_finished_failed_and_cancelled_ones():
    rows = [stored(s) for s in ADJECTIVES]
    assert set(Task.objects.ended()) == set(rows[3:])


# --- a row ----------------------------------------------------------------------------


def test_object_is_read_from_the_database_and_none_once_deleted(pen):
    row = double.delayed(pen, 1)
    Product.objects.update(name="new name")
    assert row.object == pen
    assert row.object.name == "new name"
    pen.delete()
    assert row.object is None


def test_error_is_the_last_one_or_none(pen):
    row = double.delayed(pen, -1)
    assert row.error is None
    assert work(row).error == "ValueError: -1 is negative"


def test_get_result_is_none_unless_finished(pen):
    row = double.delayed(pen, -1)
    assert row.get_result() is None
    assert work(row).get_result() is None


def test_wait_returns_the_deserialized_result(pen):
    row = big.delayed(pen, 1)
    work(row)
    assert Task.objects.get(pk=row.pk).wait() == {1, 2}
    assert row.wait(timeout=0) == {1, 2}


def test_wait_for_a_failed_row_raises_with_the_original_type_and_message(pen):
    row = double.delayed(pen, -1)
    work(row)
    with pytest.raises(TaskFailed, match="ValueError: -1 is negative"):
        row.wait()


def test_wait_for_a_cancelled_row_raises(pen):
    row = double.delayed(pen, 1)
    row.cancel()
    with pytest.raises(TaskCancelled):
        row.wait()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("timeout", [0, 0.05])
def test_wait_gives_up_with_the_builtin_timeout_error(pen, timeout):
    row = double.delayed(pen, 1)
    with pytest.raises(TimeoutError, match="has not ended"):
        row.wait(timeout=timeout)


def test_wait_sees_what_happened_since_the_row_was_read(pen):
    row = double.delayed(pen, 4)
    work(Task.objects.get(pk=row.pk))
    assert row.is_queued
    assert row.wait(timeout=30) == 8
    assert row.is_finished


def test_a_row_of_an_unknown_task_shows_its_stored_result(pen, monkeypatch):
    big.call(pen, 1)
    row = big.tasks().get()
    monkeypatch.setattr(registry, "_declared", {})
    assert row.get_result() == [1, 2]


def test_a_row_in_words(pen):
    row = double.delayed(pen, 1)
    assert str(row) == f"{double.name}({pen.pk}) queued"


# --- save() ---------------------------------------------------------------------------


def test_saving_a_stale_row_undoes_no_transition(pen):
    row = double.delayed(pen, 3)
    stale = Task.objects.get(pk=row.pk)
    work(row)
    stale.save()
    assert Task.objects.get(pk=row.pk).get_result() == 6


def test_saving_a_row_keeps_what_no_transition_owns(pen):
    row = double.delayed(pen, 3)
    row.queue, row.priority, row.attempt = "moved", 9, 3
    row.save()
    row.refresh_from_db()
    assert (row.queue, row.priority, row.attempt) == ("moved", 9, 0)


def test_results_take_one_statement_however_many_they_are(pen):
    for n in range(10):
        big.call(pen, n)
    big.tasks(pen).count()  # content types are cached, as in any process after its first rows
    with statements() as made:
        assert len(list(big.results(pen))) == 10
    assert len(made) <= 1  # PostgreSQL reads through a cursor of its own, which is not counted


def test_a_migrations_view_of_an_object_finds_its_rows(pen):
    """As ``RunPython`` is handed it: a class of the migration's own."""
    rows = [other.delayed(about) for about in (pen, Bargain.objects.get(pk=pen.pk))]
    loader = MigrationLoader(connection)
    historical = loader.project_state().apps.get_model("shop", "Product").objects.get(pk=pen.pk)
    assert type(historical) is not Product
    assert list(other.tasks(historical).in_order()) == rows
    assert other.delayed(historical).object == pen
