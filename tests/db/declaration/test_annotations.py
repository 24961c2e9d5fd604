"""What Celery's settings say of a task holds for its rows, whenever Celery binds the task."""

import celery
import pytest

from boogie.apps.tasks import current_app, registry
from tests.project.shop.models import Product
from tests.support.runs import declared

pytestmark = pytest.mark.django_db


@pytest.fixture
def app(monkeypatch):
    """A Celery app of this test, in use, which nobody has finalized."""
    with celery.Celery("annotated", set_as_current=False, broker="boogie://") as app:
        app.conf.task_default_queue = "usual"
        monkeypatch.setattr(current_app, "celery_app", lambda: app)
        yield app


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


def declare(monkeypatch, **options):
    """Declare a task that no app has bound yet, as in a process that only makes rows."""
    monkeypatch.setattr(registry, "_adopt", lambda app, name: None)
    return declared(lambda product: None, **options)


@pytest.mark.parametrize("options", [{}, {"queue": "own", "priority": 2}], ids=["bare", "declared"])
@pytest.mark.parametrize("key", ["*", "tests.annotated"])
def test_queue_and_priority_of_annotations_go_before_those_of_the_task(
    app, product, monkeypatch, options, key
):
    app.conf.task_annotations = {key: {"queue": "annotated", "priority": 7, "rate_limit": "9/s"}}
    name = f"tests.annotated.{len(options)}.{len(key)}"
    if key != "*":
        app.conf.task_annotations = {name: app.conf.task_annotations[key]}
    task = declare(monkeypatch, name=name, **options)
    rows = [task.delayed(product), task.paused(product), *task.each([product])]
    assert {(row.queue, row.priority) for row in rows} == {("annotated", 7)}
    assert task.rate_limit == "9/s"


def test_without_annotations_the_task_and_the_default_priority_decide(app, product, monkeypatch):
    app.conf.task_default_priority = 4
    own = declare(monkeypatch, queue="own", priority=2).delayed(product)
    usual = declare(monkeypatch).delayed(product)
    assert (own.queue, own.priority) == ("own", 2)
    assert (usual.queue, usual.priority) == ("usual", 4)


@pytest.mark.parametrize("annotation", [{"priority": 11}, {"queue": 5}], ids=str)
def test_an_annotation_that_cannot_be_is_refused(app, product, monkeypatch, annotation):
    app.conf.task_annotations = {"*": annotation}
    with pytest.raises(ValueError, match="must be"):
        declare(monkeypatch).delayed(product)
