"""Tasks that call tasks: each run has its own row, object and hooks."""

import pytest

from boogie.apps.tasks import BoogieTask, Task
from tests.project.shop.models import Product
from tests.support.runs import both_worlds, by_worker, declared, work

pytestmark = pytest.mark.django_db


@declared(bind=True)
def inner(self, product, note=""):
    return [product.name, note, str(self.row.pk) if self.row else None]


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def cup():
    return Product.objects.create(name="cup")


@both_worlds
def test_a_body_may_call_another_tasks_function(run, pen, cup):
    outer = declared(bind=True)(lambda self, product: [inner(cup, "x"), str(self.row.pk)])
    row = run(outer, pen)
    assert row.get_result() == [["cup", "x", None], str(row.pk)]
    assert Task.objects.count() == 1


@both_worlds
def test_a_body_may_call_itself(run, pen):
    def factorial(self, product, n):
        assert product.name == "pen"
        return 1 if n == 0 else n * self(product, n - 1)

    task = declared(factorial, bind=True)
    assert run(task, pen, 5).get_result() == 120
    assert Task.objects.count() == 1


@both_worlds
def test_a_body_that_calls_itself_with_another_object_gets_that_one(run, pen, cup):
    def names(self, product):
        return [product.name, *(self(cup) if product != cup else [])]

    assert run(declared(names, bind=True), pen).get_result() == ["pen", "cup"]


@both_worlds
def test_a_body_may_run_another_task_with_a_row_of_its_own(run, pen, cup):
    def outer(self, product):
        before = str(self.row.pk)
        result = inner.call(cup, "x")
        assert str(self.row.pk) == before
        return result

    row = run(declared(outer, bind=True), pen)
    nested = inner.tasks(cup).get()
    assert row.get_result() == nested.result == ["cup", "x", str(nested.pk)]
    assert nested.pk != row.pk


@both_worlds
def test_a_body_may_call_its_own_task_again_with_rows(run, pen):
    def down(self, product, n):
        return [n, *(self.call(product, n - 1) if n else [])]

    task = declared(down, bind=True)
    first = {row.pk for row in Task.objects.all()}
    if run is by_worker:
        assert run(task, pen, 2).get_result() == [2, 1, 0]
    else:
        assert task.call(pen, 2) == [2, 1, 0]
    rows = Task.objects.exclude(pk__in=first)
    assert sorted(row.result for row in rows) == [[0], [1, 0], [2, 1, 0]]
    assert all(row.is_finished for row in rows)


@both_worlds
def test_a_failure_inside_that_the_body_catches_fails_only_the_inner_row(run, pen, cup):
    failing = declared(lambda product: 1 / 0)

    def outer(product):
        try:
            failing.call(cup)
        except ZeroDivisionError:
            return "caught"

    assert run(declared(outer), pen).get_result() == "caught"
    assert failing.tasks().get().is_failed


@both_worlds
def test_a_body_may_delay_another_task(run, pen, cup):
    outer = declared(lambda product: str(inner.delayed(cup, "later").pk))
    row = run(outer, pen)
    later = inner.tasks().get()
    assert row.get_result() == str(later.pk)
    assert work(later).is_finished


@both_worlds
def test_a_class_may_call_the_run_of_its_parent(run, pen):
    class Parent(BoogieTask):
        def run(self, product, n=1):
            return [product.name, n]

    class Child(Parent):
        def run(self, product, n=1):
            return [*super().run(product, n), str(self.row.pk)]

    row = run(Child.as_task(name=f"db.nested.{run.__name__}.child"), pen, n=2)
    assert row.get_result() == ["pen", 2, str(row.pk)]


@both_worlds
def test_a_retry_inside_a_nested_call_is_the_inner_rows(run, pen, cup):
    @declared(bind=True, max_retries=2)
    def flaky(self, product):
        if self.row.attempt < 3:
            raise self.retry(countdown=600)
        return self.row.attempt

    row = run(declared(lambda product: flaky.call(cup)), pen)
    assert row.get_result() == 3
    assert (row.attempt, flaky.tasks().get().retries) == (1, 2)
