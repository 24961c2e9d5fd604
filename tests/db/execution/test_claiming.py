"""
A worker's claim: the row and its object, on PostgreSQL by one statement.

Each test runs a task twice: the first run shows of which model its objects are.
"""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from boogie.apps.tasks import Task
from boogie.apps.tasks.db import features
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.execution import start
from boogie.apps.tasks.lifecycle.claim import CHANGING
from tests.project.shop.models import Book, Label, Order, Product
from tests.support.runs import declared, ring, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(databases=["default", "other"])

ON_POSTGRESQL = connection.vendor == "postgresql"


@pytest.fixture
def task():
    """A task that says what it got, after its first run, which was about a product."""
    body = declared(lambda obj: [type(obj).__name__, str(obj.pk), str(obj), obj._state.db])
    work(body.delayed(Product.objects.create(name="first")))
    return body


def claim_of(row):
    """Return the statements that claim a row and fetch its object, and the run."""
    with statements() as made:
        run = start.claim(str(row.pk), row.name)
    return made, run


def test_the_claim_of_an_object_of_the_known_model_is_one_statement(task):
    product = Product.objects.create(name="pen", stock=7)
    made, run = claim_of(task.delayed(product))
    one = 2 if features.returns_from_update(connection) else 3
    assert len(made) == (1 if ON_POSTGRESQL else one)
    (obj,) = run.args
    assert (type(obj), obj.pk, obj.name, obj.stock) == (Product, product.pk, "pen", 7)
    assert not obj._state.adding
    assert obj._state.db == "default"
    assert run.row == Task.objects.get(pk=run.row.pk)
    for field in Task._meta.concrete_fields:
        stored = getattr(Task.objects.get(pk=run.row.pk), field.attname)
        assert getattr(run.row, field.attname) == stored, field.name


def test_the_object_is_read_as_it_is_when_the_row_is_claimed(task):
    product = Product.objects.create(name="pen")
    row = task.delayed(product)
    Product.objects.update(name="pencil")
    assert work(row).get_result()[2] == "pencil"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Order.objects.create(),
        lambda: Label.objects.create(text="not a number"),
        lambda: Book.objects.create(name="atlas"),
        lambda: Product.objects.using("other").create(pk=10_007, name="far"),
    ],
    ids=["uuid", "text", "child", "elsewhere"],
)
def test_an_object_of_another_kind_is_found_and_so_is_the_next_of_the_first(task, make):
    Product.objects.create(pk=10_007, name="near")
    obj = make()
    expected = [type(obj).__name__, str(obj.pk), str(obj), obj._state.db]
    assert work(task.delayed(obj)).get_result() == expected
    assert work(task.delayed(obj)).get_result() == expected
    product = Product.objects.create(name="pen")
    assert work(task.delayed(product)).get_result()[1] == str(product.pk)


def test_two_tasks_about_objects_with_uuids(task):
    body = declared(lambda order: order.note)
    for note in ("first", "second"):
        assert work(body.delayed(Order.objects.create(note=note))).get_result() == note


def test_an_object_that_is_gone_fails_its_row(task):
    product = Product.objects.create(name="pen")
    row = task.delayed(product)
    product.delete()
    assert work(row).is_failed
    assert row.error.startswith("ObjectGone: ")


@pytest.mark.django_db(transaction=True)
def test_a_key_that_the_model_cannot_have_fails_its_row(task):
    row = task.delayed(Product.objects.create(name="pen"))
    Task.objects.filter(pk=row.pk).update(object_id="no number")
    assert work(row).is_failed
    assert "no number" in row.error


def test_a_row_that_is_not_to_be_had_is_left_alone(task):
    product = Product.objects.create(name="pen")
    for row in (task.paused(product), task.schedule(60, product), work(task.delayed(product))):
        before = Task.objects.values().get(pk=row.pk)
        ring(row.name, row.pk)
        assert Task.objects.values().get(pk=row.pk) == before


def test_an_object_whose_truth_is_false_is_an_object(task, monkeypatch):
    monkeypatch.setattr(Product, "__bool__", lambda product: False, raising=False)
    product = Product.objects.create(name="pen")
    assert len(claim_of(task.delayed(product))[0]) < (2 if ON_POSTGRESQL else 4)


def test_a_model_that_is_not_installed_any_more_fails_its_row(task):
    row = task.delayed(Product.objects.create(name="pen"))
    kind = ContentType.objects.create(app_label="gone", model="thing")
    Task.objects.filter(pk=row.pk).update(content_type=kind)
    assert work(row).is_failed


def test_what_only_functions_tell_of_is_not_read_before_somebody_asks(task):
    row = task.delayed(Product.objects.create(name="pen"))
    _made, run = claim_of(row)
    assert run.row.get_deferred_fields() == {"claims", *CHANGING}
    with statements() as made:
        assert run.row.claims == []
    assert len(made) == 1


def test_a_claim_knows_what_it_has_emptied_whatever_was_there(task):
    row = task.delayed(Product.objects.create(name="pen"))
    moment = Moment()
    Task.objects.filter(pk=row.pk).update(
        progressed=moment, not_before=moment, progress={"done": 1}
    )
    _made, run = claim_of(row)
    assert (run.row.progressed, run.row.not_before, run.row.progress) == (None, None, None)
