"""What a row costs: statements counted, none of them the body's own."""

import pytest
from django.db import connection

from boogie.apps.tasks import Task
from boogie.apps.tasks.db import features
from tests.project.shop.models import Product
from tests.support.runs import declared, ring, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

nothing = declared(lambda product, n=0: {"n": n})


@pytest.fixture
def product():
    """An object; content types are cached, as in any process after its first rows."""
    product = Product.objects.create(name="pen")
    nothing.tasks(product).count()
    return product


def verbs(made):
    return [statement.split()[0].upper() for statement in made]


@pytest.mark.parametrize("make", ["delayed", "paused"])
def test_making_a_row_is_one_insert(product, make):
    with statements() as made:
        getattr(nothing, make)(product, n=5)
    assert verbs(made) == ["INSERT"]


def test_scheduling_a_row_is_one_insert(product):
    with statements() as made:
        nothing.schedule(60, product)
    assert verbs(made) == ["INSERT"]


def test_a_run_takes_two_to_claim_one_for_the_object_and_one_to_settle(product):
    row = nothing.delayed(product)
    with statements() as made:
        ring(row.name, row.pk)
    budget = ["UPDATE", "SELECT", "SELECT", "UPDATE"]
    if not features.returns_from_update(connection):
        assert verbs(made) == budget
    elif connection.vendor == "postgresql":  # there the claim may read the object, too
        assert verbs(made) in ([budget[0], *budget[2:]], [budget[0], budget[3]])
    else:
        assert verbs(made) == [budget[0], *budget[2:]]
    assert Task.objects.get(pk=row.pk).is_finished


def test_a_call_is_an_insert_and_an_update(product):
    with statements() as made:
        nothing.call(product)
    assert verbs(made) == ["INSERT", "UPDATE"]


def test_a_duplicate_doorbell_costs_an_update_or_two_and_a_look_at_what_is_held(product):
    row = work(nothing.delayed(product))
    with statements() as made:
        ring(row.name, row.pk)
    updates = ["UPDATE"] * (2 if connection.vendor == "postgresql" else 1)
    assert verbs(made) == [*updates, "SELECT"]


def test_a_failure_costs_no_more_than_a_success(product):
    row = declared(lambda product: 1 / 0).delayed(product)
    with statements() as made:
        ring(row.name, row.pk)
    assert len(made) <= 4
    assert verbs(made)[-1] == "UPDATE"


def test_reading_the_results_of_an_object_costs_no_statement_for_each_row(product):
    counts = []
    for _ in range(2):
        for n in range(5):
            nothing.call(product, n)
        with statements() as made:
            assert len(nothing.results(product)) > 0
        counts.append(len(made))
    assert counts[0] == counts[1] <= 2


def test_cleaning_costs_no_statement_for_each_row(product):
    counts = []
    for n in (3, 30):
        for _ in range(n):
            nothing.call(product)
        with statements() as made:
            assert nothing.clean(product) == n
        counts.append(len(made))
    assert counts[0] == counts[1]
