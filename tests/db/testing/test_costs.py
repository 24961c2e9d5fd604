"""What ``run_tasks()`` asks of the database: what the runs do, and a little for all of them."""

import pytest

from boogie.apps.tasks.testing import run_tasks
from tests.project.shop.models import Product
from tests.support.runs import declared, ring
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("arguments", [[], ["red"]], ids=["alone", "with an argument"])
def test_a_row_takes_the_statements_of_its_run_and_no_more(arguments):
    task = declared(lambda product, colour="": colour)
    product = Product.objects.create(name="pen")
    for _ in range(2):  # what is asked once
        row = task.delayed(product, *arguments)
        with statements() as of_a_run:
            ring(row.name, row.pk)

    def made_by(number):
        task.each([product] * number, *arguments)
        with statements() as made:
            assert run_tasks()["finished"] == number
        return len(made)

    # Of those that PostgreSQL has prepared by now nothing is seen.
    assert made_by(30) - made_by(10) <= 20 * len(of_a_run)
