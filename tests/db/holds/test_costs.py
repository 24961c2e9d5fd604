"""A held queue in which many wait costs those nothing who look for work."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone

from boogie.apps.tasks import Task, priorities, queues
from boogie.apps.tasks.transport import delivery
from tests.project.shop.models import Product
from tests.support.looking import looked_at
from tests.support.planning import analyze
from tests.support.rows import coherent
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

WAITING = 3000
#: Far less than one look at each would be: rows and index entries, on SQLite steps of its machine.
#: MariaDB steps to each priority of each queue, of which functions of Django Tasks have many.
LIMIT = {"postgresql": 100, "mysql": 100 + 2 * len(priorities.OF_FUNCTIONS), "sqlite": 1500}


@pytest.fixture(scope="module")
def crowd(django_db_setup, django_db_blocker):
    """Commit many rows that are due in one queue, and one in another."""
    with django_db_blocker.unblock():
        product = Product.objects.create(name="first")
        kind = ContentType.objects.get_for_model(Product)
        common = {"name": "db.costs.any", "content_type": kind, "object_id": str(product.pk)}
        rows = [
            Task(queue=queue, object_db="default", created=timezone.now(), **common,
                 **coherent("queued"))
            for queue in [*["slow"] * WAITING, "fast"]
        ]  # fmt: skip
        Task.objects.bulk_create(rows, batch_size=500)
        analyze(Task)
        yield
        Task.objects.all()._raw_delete("default")
        product.delete()


LOOKS = {
    "a fetch": lambda: delivery.reserve_rows(["slow"], 5),
    "a fetch from several": lambda: delivery.reserve_rows(["slow", "idle"], 5),
    "a look": lambda: [_asked(part) for part in delivery.ready_in_each(["slow"])],
    "a keeper's look": lambda: list(Task.objects.ready_in(["slow"])[:5]),
    "turns": lambda: delivery.turns(["slow", "idle"], 5),
}


def _asked(part):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {part.text}", part.params)
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("name", LOOKS)
def test_nothing_that_waits_in_a_held_queue_is_looked_at(crowd, name):
    assert any(LOOKS[name]())
    queues.hold("slow")
    LOOKS[name]()  # compiled
    with looked_at() as found:
        assert not any(LOOKS[name]())
    assert found[0] < LIMIT[connection.vendor]


def test_what_waits_elsewhere_is_found(crowd):
    queues.hold("slow")
    assert [row.message["properties"]["delivery_info"]["routing_key"]
            for row in delivery.reserve_rows(["slow", "fast"], 5)] == ["fast"]  # fmt: skip


def test_a_hold_costs_a_fetch_no_statement(crowd):
    counts = []
    for _ in range(2):
        with statements() as made:
            delivery.reserve_rows(["slow", "fast"], 1)
        counts.append(len([sql for sql in made if "SAVEPOINT" not in sql]))
        queues.hold("slow")
    assert counts[0] >= counts[1]
