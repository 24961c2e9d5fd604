"""Tasks that are repeated."""

from boogie.apps.tasks import Concurrency, task
from tests.project.shop.models import Product


@task
def digest(product: Product, format="text", *, since=None):
    return format


@task(unique="waiting")
def unique(product):
    """One of them waits at most."""


@task(limits=[Concurrency(1, by="object")])
def limited(product):
    """One at a time."""


@task(unique="waiting", debounce=30)
def debounced(product):
    """It waits for calm."""
