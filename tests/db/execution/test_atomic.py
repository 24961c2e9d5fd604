"""``atomic=True``: the effects of a body and the end of its row commit together or not at all."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F

from boogie.apps.tasks import Task, TaskCancelled
from boogie.apps.tasks.lifecycle import transitions
from tests.project.blog.models import Post
from tests.project.shop.models import Product
from tests.support.runs import both_worlds, by_worker, declared, ring, work

pytestmark = pytest.mark.django_db(transaction=True)


class Boom(Exception):
    pass


@pytest.fixture
def product(db):
    return Product.objects.create(name="pen", stock=0)


def stock(product):
    return Product.objects.get(pk=product.pk).stock


def sell(product, how=None):
    Product.objects.filter(pk=product.pk).update(stock=1)
    if how == "raise":
        raise Boom("after the update")
    if how == "cancel":
        Task.objects.all().cancel()
    if how == "unfit":
        return {1}
    return connection.in_atomic_block


atomic = declared(sell, atomic=True, name="db.atomic.atomic")
loose = declared(sell, name="db.atomic.loose")


@both_worlds
def test_effects_and_end_are_committed_together(run, product):
    row = run(atomic, product)
    assert row.get_result() is True
    assert stock(product) == 1
    assert not connection.in_atomic_block


@both_worlds
def test_without_atomic_the_body_runs_in_no_transaction(run, product):
    assert run(loose, product).get_result() is False


@both_worlds
@pytest.mark.parametrize("how", ["raise", "unfit"])
def test_the_effects_of_a_run_that_fails_are_rolled_back(run, product, how):
    assert run(atomic, product, how).is_failed
    assert stock(product) == 0


@both_worlds
@pytest.mark.parametrize("how", ["raise", "unfit"])
def test_without_atomic_the_effects_of_a_run_that_fails_stay(run, product, how):
    assert run(loose, product, how).is_failed
    assert stock(product) == 1


@both_worlds
def test_the_effects_of_an_attempt_that_is_retried_are_rolled_back(run, product):
    @declared(bind=True, atomic=True, max_retries=2)
    def counting(self, product):
        product.stock = Product.objects.get(pk=product.pk).stock + 1
        product.save()
        if self.row.attempt < 3:
            raise self.retry(countdown=0)

    row = run(counting, product)
    assert row.is_finished
    assert row.attempt == 3
    assert stock(product) == 1


def test_the_effects_of_a_run_that_has_lost_its_row_are_rolled_back(product, monkeypatch):
    row = atomic.delayed(product)
    monkeypatch.setattr(transitions, "finish", lambda rows, row, result: 0)
    work(row)
    assert stock(product) == 0


def test_call_of_an_atomic_task_that_has_lost_its_row_raises_task_cancelled(product, monkeypatch):
    monkeypatch.setattr(transitions, "finish", lambda rows, row, result: 0)
    with pytest.raises(TaskCancelled):
        atomic.call(product)
    assert stock(product) == 0


@both_worlds
def test_a_run_that_was_cancelled_meanwhile_keeps_its_effects_without_atomic(run, product):
    row = run(loose, product, "cancel")
    assert row.is_cancelled
    assert row.result is None
    assert stock(product) == 1


def test_call_of_a_row_that_was_cancelled_meanwhile_returns_what_the_function_returned(product):
    assert loose.call(product, "cancel") is False
    assert Task.objects.get().is_cancelled


@both_worlds
def test_a_commit_that_the_database_refuses_fails_the_run(run, product):
    """Some databases check foreign keys at the commit, after the body and the settling UPDATE."""

    def body(product):
        Post.objects.create(title="orphan", author_id=987654)
        return "returned"

    row = run(declared(body, atomic=True), product)
    assert row.is_failed
    assert row.errors[0]["type"] == "django.db.utils.IntegrityError"
    assert Post.objects.count() == 0


def test_call_raises_what_the_commit_raised(product):
    def body(product):
        Post.objects.create(title="orphan", author_id=987654)

    with pytest.raises(IntegrityError):
        declared(body, atomic=True).call(product)


@both_worlds
def test_work_on_commit_of_an_atomic_body_is_done_once_it_is_committed(run, product):
    seen = []

    def body(product):
        transaction.on_commit(lambda: seen.append(Task.objects.get().status))
        assert seen == []

    run(declared(body, atomic=True), product)
    assert seen == ["finished"]


def test_work_on_commit_of_an_atomic_body_that_fails_is_dropped(product):
    seen = []

    def body(product):
        transaction.on_commit(lambda: seen.append(1))
        raise Boom

    assert by_worker(declared(body, atomic=True), product).is_failed
    assert seen == []


def test_a_caller_who_rolls_back_takes_the_whole_call_back(product):
    with transaction.atomic():
        atomic.call(product)
        transaction.set_rollback(True)
    assert stock(product) == 0
    assert Task.objects.count() == 0


# --- a body that deletes its own row --------------------------------------------------


@declared(atomic=True)
def forget_all(product):
    Product.objects.filter(pk=product.pk).update(stock=F("stock") + 1)
    Task.objects.for_object(product).delete()


def test_a_body_that_deletes_its_own_row_runs_once_and_its_effects_stay(product):
    row = forget_all.delayed(product)
    ring(row.name, row.pk)
    assert not Task.objects.exists()
    assert stock(product) == 1
    ring(row.name, row.pk)
    assert stock(product) == 1


def test_a_call_whose_body_deletes_its_own_row_returns(product):
    assert forget_all.call(product) is None
    assert not Task.objects.exists()
    assert stock(product) == 1


@both_worlds
@pytest.mark.parametrize("checks", [False, True])
def test_a_body_that_cancels_its_own_row_is_rolled_back_and_ended(run, product, checks):
    def give_up(self, product):
        self.log.append(self.row.attempt)
        Product.objects.filter(pk=product.pk).update(stock=1)
        assert self.row.cancel()
        if checks:
            self.next_check = 0
            self.check_cancelled()

    body = declared(give_up, bind=True, atomic=True)
    type(body).log = []
    row = run(body, product)
    assert (row.status, row.attempt, row.errors) == ("cancelled", 1, [])
    assert row.ended is not None
    assert stock(product) == 0
    assert body.log == [1]


def test_call_of_a_body_that_cancels_its_own_row_says_so(product):
    body = declared(lambda self, product: self.row.cancel(), bind=True, atomic=True)
    with pytest.raises(TaskCancelled, match="its effects are rolled back"):
        body.call(product)
