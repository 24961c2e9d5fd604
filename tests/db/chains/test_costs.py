"""What chains cost, counted in statements: nothing where there are none, and bounded where many."""

import pytest
from django.db import connection

from boogie.apps.tasks import Task
from boogie.apps.tasks.chains import handing, watch
from boogie.apps.tasks.db import features
from boogie.apps.tasks.lifecycle.needs import breaking, waking
from boogie.apps.tasks.limiting import room
from boogie.apps.tasks.models import Dependency
from tests.project.shop.models import Product
from tests.support.building import built
from tests.support.looking import looked_at
from tests.support.runs import declared, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(transaction=True)

pay = declared(lambda product: None)
pack = declared(lambda product: None)


@pytest.fixture
def pen():
    product = Product.objects.create(name="pen")
    work(pack.using(after=pay.delayed(product)).delayed(product).needs[0])
    Task.objects.all().clean(finished=False)
    return product


@pytest.mark.parametrize("verb", ["cancel", "pause", "run", "retry", "run_now"])
def test_a_verb_on_rows_in_no_chain_is_one_statement(pen, verb):
    rows = [pay.delayed(pen), pay.paused(pen)]
    other = pay.delayed(pen)
    other.cancel()
    with statements() as made:
        getattr(Task.objects.filter(pk__in=[row.pk for row in [*rows, other]]), verb)()
    assert len(made) == 1


def test_deleting_rows_in_no_chain_is_one_delete_between_two_looks(pen):
    pay.delayed(pen)
    with statements() as made:
        pay.clean(finished=False)
    assert [text.split()[0] for text in made] == ["SELECT", "DELETE", "SELECT"]


def test_a_row_behind_others_takes_five_statements_whatever_their_number(pen):
    counts = []
    for number in (1, 50):
        needs = [pay.delayed(pen) for _ in range(number)]
        with statements() as made:
            pack.using(after=needs).delayed(pen)
        counts.append(len(made))
    assert max(counts) <= 5  # what PostgreSQL has prepared is not told of


def test_the_end_of_a_row_that_others_are_after_takes_as_many_more_whatever_their_number(pen):
    counts = []
    for number in (1, 50):
        paid = pay.delayed(pen)
        pack.using(after=paid).each([pen] * number)
        with statements() as made:
            work(paid)
        counts.append(len(made))
        assert pack.tasks().filter(is_after=True).count() == 0
    # Where a broker is rung, those that may start are read, and published, besides.
    assert counts[0] <= counts[1] <= (13 if room.rings() else 11)


def test_the_next_row_of_a_chain_goes_on_by_three_statements_that_are_built_once(pen, monkeypatch):
    if not features.returns_from_update(connection) or room.rings():
        pytest.skip("more where an UPDATE returns nothing, or a broker is rung")
    row = first = pay.delayed(pen)
    for _ in range(3):
        row = pay.using(after=row).delayed(pen)
    work(first)
    second, third, _ = Task.objects.filter(ended=None).order_by("pk")
    work(second)
    with statements() as made, built(monkeypatch) as found:
        assert handing.hand_on("default", third.pk) == 1
    assert len(made) == 3
    assert found == []


def test_what_goes_on_does_so_in_bounded_steps(pen, monkeypatch):
    monkeypatch.setattr(waking, "CHUNK", 3)
    paid = pay.delayed(pen)
    pack.using(after=paid).each([pen] * 10)
    work(paid)
    assert pack.tasks().filter(is_after=False).count() == 10
    assert set(Dependency.objects.values_list("state", flat=True)) == {3}


def test_what_is_given_up_is_so_in_bounded_steps(pen, monkeypatch):
    monkeypatch.setattr(breaking, "CHUNK", 3)
    paid = pay.delayed(pen)
    middle = pack.using(after=paid).each([pen] * 10)
    pack.using(after=middle).each([pen] * 4)
    paid.cancel()
    assert pack.tasks().cancelled().count() == 14


def test_a_deep_chain_is_given_up_to_its_end(pen):
    row = first = pay.delayed(pen)
    for _ in range(60):
        row = pack.using(after=row).delayed(pen)
    first.cancel()
    row.refresh_from_db()
    assert row.is_cancelled
    assert str(first.pk) in row.errors[-1]["message"]


def test_each_need_of_a_wide_join_looks_at_few_rows_when_it_finishes(pen):
    """With thousands of them: who looks at all each time would look at millions."""
    needs = pay.each([pen] * 1500)
    pack.using(after=needs).delayed(pen)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE boogie_tasks_task, boogie_tasks_dependency")
    keys = list(needs.order_by("pk").values_list("pk", flat=True)[:20])
    limit = {"postgresql": 100, "mysql": 100, "sqlite": 2500}[connection.vendor]
    for key in keys:
        with looked_at() as found:
            handing.hand_on("default", key)
        assert found[0] < limit
    assert pack.tasks().get().is_after


def test_a_keeper_goes_through_all_that_waits_a_part_at_a_time(pen, monkeypatch):
    monkeypatch.setattr(watch, "ARROWS", 4)
    needs = [pay.delayed(pen) for _ in range(10)]
    packed = [pack.using(after=row).delayed(pen) for row in needs]
    Task.objects.filter(pk=needs[-1].pk)._raw_delete("default")
    keeper = watch.Watch()
    assert [keeper.look() for _ in range(3)] == [0, 0, 1]
    packed[-1].refresh_from_db()
    assert packed[-1].is_cancelled
    with statements() as made:
        keeper.look()
    assert len(made) <= 4
