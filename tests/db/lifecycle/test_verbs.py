"""Verbs of rows and querysets: they say whether something moved, and refresh what they moved."""

import pytest

from boogie.apps.tasks import Task
from tests.project.shop.models import Product
from tests.support.rows import stored
from tests.support.runs import declared, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

STATUSES = ["paused", "queued", "running", "finished", "failed", "cancelled"]
VERBS = {
    "run": ({"paused"}, "queued"),
    "pause": ({"queued"}, "paused"),
    "cancel": ({"paused", "queued", "running"}, "cancelled"),
    "retry": ({"failed", "cancelled"}, "queued"),
}
verbs = pytest.mark.parametrize("verb", VERBS)
statuses = pytest.mark.parametrize("status", STATUSES)


@verbs
@statuses
def test_a_verb_of_a_row_says_whether_it_moved_and_refreshes_the_instance(verb, status):
    sources, target = VERBS[verb]
    row = stored(status)
    moved = getattr(row, verb)()
    assert moved is (status in sources)
    assert row.status == (target if moved else status)
    assert row.status == Task.objects.get(pk=row.pk).status


@verbs
def test_a_verb_of_a_row_that_was_deleted_meanwhile_moves_nothing(verb):
    row = stored("queued")
    Task.objects.all().delete()
    assert getattr(row, verb)() is False
    assert row.status == "queued"


@verbs
def test_a_verb_of_a_queryset_moves_what_it_can_and_says_how_many(verb):
    sources, target = VERBS[verb]
    rows = {status: [stored(status), stored(status)] for status in STATUSES}
    with statements() as made:
        assert getattr(Task.objects.all(), verb)() == 2 * len(sources)
    assert len(made) == 1
    for status in STATUSES:
        for row in rows[status]:
            row.refresh_from_db()
            assert row.status == (target if status in sources else status)


@verbs
def test_a_verb_of_a_queryset_moves_only_the_rows_in_it(verb):
    sources, _ = VERBS[verb]
    status = sorted(sources)[0]
    inside, outside = stored(status), stored(status)
    assert getattr(Task.objects.filter(pk=inside.pk), verb)() == 1
    outside.refresh_from_db()
    assert outside.status == status


@verbs
def test_a_verb_on_an_empty_queryset_moves_nothing(verb):
    assert getattr(Task.objects.none(), verb)() == 0


@pytest.mark.parametrize("verb", [*VERBS, "clean", "remove"])
def test_a_verb_on_everything_takes_an_explicit_all(verb):
    with pytest.raises(AttributeError):
        getattr(Task.objects, verb)


@verbs
def test_a_verb_on_a_stale_instance_shows_what_is_true_now(verb):
    row = stored("finished")
    stale = Task.objects.get(pk=row.pk)
    stale.status = next(iter(VERBS[verb][0]))
    assert getattr(stale, verb)() is False
    assert stale.is_finished


def test_a_failed_row_is_retried_by_hand_and_keeps_its_history():
    product = Product.objects.create(name="pen", stock=0)

    def body(product):
        return 1 / product.stock

    dividing = declared(body)
    row = work(dividing.delayed(product))
    assert row.is_failed
    Product.objects.update(stock=4)
    assert dividing.tasks(product).retry() == 1
    row.refresh_from_db()
    assert row.is_queued
    assert work(row).get_result() == 0.25
    assert row.attempt == 2
    assert [e["type"] for e in row.errors] == ["builtins.ZeroDivisionError"]


def test_a_cancelled_row_runs_on_no_doorbell_and_again_once_retried():
    product = Product.objects.create(name="pen")
    naming = declared(lambda product: product.name)
    row = naming.delayed(product)
    row.cancel()
    assert work(row).is_cancelled
    assert row.attempt == 0
    row.retry()
    assert work(row).get_result() == "pen"


@pytest.mark.parametrize("status", STATUSES)
def test_a_doorbell_starts_a_queued_row_and_no_other(status):
    runs = []
    noting = declared(lambda product: runs.append(product))
    row = stored(status, name=noting.name)
    work(row)
    assert len(runs) == (status == "queued")
    assert row.status == ("finished" if status == "queued" else status)


def test_a_duplicate_doorbell_runs_nothing():
    runs = []
    noting = declared(lambda product: runs.append(product))
    row = noting.delayed(Product.objects.create(name="pen"))
    work(row)
    before = Task.objects.values().get(pk=row.pk)
    work(row)
    work(row, redelivered=True)
    assert len(runs) == 1
    assert Task.objects.values().get(pk=row.pk) == before


def test_the_doorbell_of_a_row_that_was_deleted_runs_nothing():
    runs = []
    noting = declared(lambda product: runs.append(product))
    row = noting.delayed(Product.objects.create(name="pen"))
    from tests.support.runs import ring

    Task.objects.filter(pk=row.pk).delete()
    ring(noting.name, row.pk)
    assert runs == []
