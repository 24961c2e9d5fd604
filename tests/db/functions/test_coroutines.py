"""Functions of Django Tasks that are coroutines."""

import pytest

from boogie.apps.tasks import Task
from tests.project.shop import functions
from tests.project.shop.models import Product
from tests.support.runs import work

pytestmark = pytest.mark.django_db(transaction=True)


def ran(result):
    return work(Task.objects.get(pk=result.id))


def test_they_run_in_the_loop_of_the_process_and_ask_the_database():
    rows = [ran(functions.in_loop.enqueue(name)) for name in ("pen", "ink")]
    assert [row.error for row in rows] == [None, None]
    keys, loops = zip(*(row.result for row in rows), strict=True)
    assert list(keys) == list(Product.objects.order_by("pk").values_list("pk", flat=True))
    assert len(set(loops)) == 1
    assert rows[0].progress.done == 1


def test_what_they_return_is_the_result():
    assert ran(functions.later.enqueue(4)).result == 8
