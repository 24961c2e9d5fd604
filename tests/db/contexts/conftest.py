import pytest

from tests.db.contexts import passengers
from tests.project.shop.models import Product


@pytest.fixture(autouse=True)
def _nobody_has_been_asked():
    passengers.log.clear()


@pytest.fixture
def travelling(settings):
    """A function that lists classes of ``passengers``, or dotted paths; it returns the paths."""

    def travel(*classes, **more):
        paths = [
            one if isinstance(one, str) else f"{passengers.__name__}.{one.__name__}"
            for one in classes
        ]
        settings.BOOGIE_TASKS = {**settings.BOOGIE_TASKS, "CONTEXTS": paths, **more}
        return paths

    return travel


@pytest.fixture
def pen(db):
    return Product.objects.create(name="pen")
