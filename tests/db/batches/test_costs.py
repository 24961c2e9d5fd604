"""What a row pays for being of a batch."""

import pytest
from django.db import connection

from boogie.apps.tasks import Task, batch
from boogie.apps.tasks.db import features
from boogie.apps.tasks.lifecycle import claim, transitions
from boogie.apps.tasks.lifecycle.batched import members, telling
from tests.project.shop.models import Product
from tests.support.building import built
from tests.support.runs import declared
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)

clean = declared(lambda product: None)


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def told():
    """The batches of which somebody was told that rows have ended."""
    found = []

    def tell(keys, **extra):
        found.append(keys)

    telling.have_ended.connect(tell)
    yield found
    telling.have_ended.disconnect(tell)


def started(row):
    return claim.claim_row(Task.objects.all(), row.pk, [clean.name], worker="here", pid=1)


def finish(row):
    assert transitions.finish(Task.objects.all(), row, None)


def test_a_row_that_is_not_the_last_one_finishes_by_one_statement_that_is_built_once(
    pen, monkeypatch
):
    if not features.returns_from_update(connection):
        pytest.skip("the rows of each batch are looked at where an UPDATE returns nothing")
    with batch():
        rows = list(clean.each([pen] * (members.FEW + 4)).order_by("pk"))
    finish(started(rows[0]))
    row = started(rows[1])
    with statements() as made, built(monkeypatch) as found:
        finish(row)
    assert len(made) == 1
    assert found == []


def test_who_finishes_while_many_others_wait_tells_nobody(pen, told):
    if not features.returns_from_update(connection):
        pytest.skip("each tells where an UPDATE returns nothing")
    with batch() as crowd:
        rows = list(clean.each([pen] * (members.FEW + 3)).order_by("pk"))
    finish(started(rows[0]))
    finish(started(rows[2]))
    assert told == []
    finish(started(rows[1]))  # others that are few may be over before this is committed
    assert told == [[crowd.pk]]


def test_of_rows_that_run_at_one_time_each_may_be_the_last_however_many_there_are(pen, told):
    with batch() as crowd:
        rows = [clean.delayed(pen) for _ in range(80)]
    running = [started(row) for row in rows]
    for row in running[:2]:
        finish(row)
    assert told == [[crowd.pk]] * 2
    for row in running[2:]:
        finish(row)
    crowd.refresh_from_db()
    assert crowd.status == "finished"
