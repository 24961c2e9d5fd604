"""``autoretry_for`` and its companions, as in Celery."""

import pytest
from django.utils import timezone

from boogie.apps.tasks import BoogieTask
from tests.project.shop.models import Product
from tests.support.runs import both_worlds, by_worker, declared, now_due, work

pytestmark = pytest.mark.django_db


class Hiccup(Exception):
    pass


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


def waiting(row):
    """Seconds from now until a queued row may start."""
    return (row.not_before - timezone.now()).total_seconds()


@both_worlds
def test_autoretry_for_retries_what_it_names(run, product):
    @declared(autoretry_for=(Hiccup,), max_retries=2, default_retry_delay=0)
    def failing(product):
        raise Hiccup("again")

    row = run(failing, product)
    assert [e["message"] for e in row.errors] == ["again"] * 3
    assert row.errors[-1]["type"] == f"{__name__}.Hiccup"


@both_worlds
def test_autoretry_for_leaves_other_exceptions_alone(run, product):
    @declared(autoretry_for=(Hiccup,), dont_autoretry_for=(KeyError,))
    def failing(product):
        raise ValueError("other")

    assert run(failing, product).attempt == 1


@both_worlds
def test_dont_autoretry_for_wins(run, product):
    @declared(autoretry_for=(Exception,), dont_autoretry_for=(Hiccup,), default_retry_delay=0)
    def failing(product):
        raise Hiccup("final")

    assert run(failing, product).attempt == 1


def test_retry_backoff_doubles_and_is_capped(product):
    @declared(
        autoretry_for=(Hiccup,),
        max_retries=5,
        retry_backoff=100,
        retry_backoff_max=500,
        retry_jitter=False,
    )
    def failing(product):
        raise Hiccup("again")

    row = failing.delayed(product)
    waits = [round(waiting(work(now_due(row))), -2) for _ in range(4)]
    assert waits == [100, 200, 400, 500]


def test_retry_kwargs_and_max_retries_none_go_on(product):
    @declared(autoretry_for=(Hiccup,), retry_kwargs={"countdown": 300}, max_retries=None)
    def failing(product):
        raise Hiccup("again")

    row = failing.delayed(product)
    for _ in range(6):
        work(now_due(row))
    assert row.is_queued
    assert 200 < waiting(row) < 400


def test_a_class_retries_too(product):
    class Failing(BoogieTask):
        autoretry_for = (Hiccup,)
        max_retries = 1
        default_retry_delay = 0

        def run(self, product):
            raise Hiccup("again")

    row = by_worker(Failing.as_task(name="db.retries.class"), product)
    assert row.attempt == 2
