"""Rows of objects are found by their index, whatever the type of the key: never by a scan."""

from datetime import UTC, datetime, timedelta
from operator import attrgetter

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import Count, Q

from boogie.apps.tasks import Task
from boogie.apps.tasks.lifecycle import states
from boogie.apps.tasks.serialization.references import object_key
from tests.project.press.models import Event
from tests.project.shop.models import Book, Label, Order, Product, Seat
from tests.support.plans import plan_of
from tests.support.rows import coherent
from tests.support.runs import declared

pytestmark = pytest.mark.django_db

OBJECTS, ROWS_OF_EACH = 400, 4
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TABLE = Task._meta.db_table


@declared(name="db.relations.plans")
def clean(obj):
    """Nothing runs here."""


def _books():
    return [Book.objects.create(name="a", pages=n) for n in range(OBJECTS)]


#: By the type of their keys, what makes that many objects.
MANY = {
    Product: lambda: [Product(name="a") for _ in range(OBJECTS)],
    Order: lambda: [Order() for _ in range(OBJECTS)],
    Label: lambda: [Label(text=f"label {n}") for n in range(OBJECTS)],
    Event: lambda: [Event(at=NOON + timedelta(minutes=n)) for n in range(OBJECTS)],
    Seat: lambda: [Seat(hall=f"hall {n % 7}", number=n) for n in range(OBJECTS)],
}
MODELS = [*MANY, Book]


@pytest.fixture(scope="module", autouse=True)
def history(django_db_setup, django_db_blocker):
    """Commit objects with rows that the planner has statistics of; take them away at the end."""
    with django_db_blocker.unblock():
        made = {model: model.objects.bulk_create(make()) for model, make in MANY.items()}
        made[Product] = list(Product.objects.all())
        made[Book] = _books()
        for model, objects in made.items():
            Task.objects.bulk_create(_rows(model, objects), batch_size=400)
        _analyze([model._meta.db_table for model in (Task, *MODELS)])
        yield
        Task.objects.all()._raw_delete("default")
        for model in (Book, *MANY):
            model.objects.all().delete()


def _rows(model, objects):
    kind = ContentType.objects.get_for_model(model)
    # None of those that are asked for is rare: else the index of their status is the shorter way.
    statuses = [states.FINISHED, states.FINISHED, states.QUEUED, states.FAILED]
    for obj in objects:
        for status in statuses:
            yield Task(
                name=clean.name,
                content_type=kind,
                object_id=object_key(obj),
                object_db="default",
                **coherent(status),
            )


def _analyze(tables):
    words = {"mysql": "ANALYZE TABLE"}.get(connection.vendor, "ANALYZE")
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"{words} {table}")
            if connection.vendor == "mysql":
                cursor.fetchall()


ASKED = {
    "exists": lambda some: some.annotate(busy=clean.exists("failed")),
    "filter by exists": lambda some: some.filter(clean.exists("failed")),
    "filter by its contrary": lambda some: some.exclude(clean.exists("queued")),
    "latest": lambda some: some.annotate(last=clean.latest("ended")),
    "relation": lambda some: some.filter(tasks__status="failed"),
    "exclude by relation": lambda some: some.exclude(tasks__status="queued"),
    "none by relation": lambda some: some.filter(tasks=None),
    "count": lambda some: some.annotate(n_tasks=Count("tasks")),
    "count some": lambda some: some.annotate(
        n_tasks=Count("tasks", filter=Q(tasks__status="failed"))
    ),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED.keys())
@pytest.mark.parametrize("model", MODELS, ids=attrgetter("__name__"))
def test_of_some_objects_rows_are_found_by_the_index_of_objects(model, ask):
    some = model.objects.filter(pk__in=[obj.pk for obj in model.objects.all()[:3]])

    plan = plan_of(ask(some))

    assert "boogie_tasks_task_object" in plan.indexes, plan.text
    assert TABLE not in plan.scans, plan.text
    assert len(ask(some)) in (0, 3)


@pytest.mark.parametrize("model", MODELS, ids=attrgetter("__name__"))
def test_prefetching_finds_them_by_it_too(model):
    some = list(model.objects.all()[:3])
    rows = some[0].tasks.get_prefetch_querysets(some)[0]

    plan = plan_of(rows)

    assert plan.indexes == {"boogie_tasks_task_object"}, plan.text
    assert len(rows) == 3 * ROWS_OF_EACH
