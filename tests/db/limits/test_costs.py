"""Rows that are held back, or have ended, cost those nothing who look for others."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone

from boogie.apps.tasks import Task, priorities
from boogie.apps.tasks.db import compiled
from boogie.apps.tasks.transport import delivery
from tests.project.shop.models import Product
from tests.support.looking import looked_at
from tests.support.planning import analyze
from tests.support.rows import coherent

pytestmark = pytest.mark.django_db

#: Rows that lie before all others in the index; and how many rows of others are due.
BEFORE = {
    "held": {**coherent("queued"), "due": None, "held_by": "limit:any"},
    "ended": coherent("finished"),
}
CROWDS = [("held", 6000, 2000), ("ended", 9000, 1000)]
if (
    connection.vendor == "sqlite"
):  # which sorts what is due, once it has been told how much there is
    del CROWDS[1:]
#: Far less than one look at each would be: rows and index entries, on SQLite steps of its machine.
#: MariaDB steps to each priority, of which functions of Django Tasks have many.
LIMIT = {"postgresql": 100, "mysql": 100 + len(priorities.OF_FUNCTIONS), "sqlite": 1500}


@pytest.fixture(scope="module", params=CROWDS, ids=lambda crowd: "{}-{}-{}".format(*crowd))
def crowd(request, django_db_setup, django_db_blocker):
    """Commit many rows at a limit, or that have ended, and behind them some that are due."""
    kind, before, due = request.param
    with django_db_blocker.unblock():
        product = Product.objects.create(name="first")
        common = {
            "name": "db.costs.any",
            "content_type": ContentType.objects.get_for_model(Product),
            "object_id": str(product.pk),
            "object_db": "default",
            "queue": "one",
            "created": timezone.now(),
        }
        rows = [BEFORE[kind]] * before + [coherent("queued") for _ in range(due)]
        Task.objects.bulk_create([Task(**common, **own) for own in rows], batch_size=500)
        analyze(Task)
        yield
        Task.objects.all()._raw_delete("default")
        product.delete()


@pytest.fixture(autouse=True, params=["of Celery", "of all"])
def known(request, monkeypatch):
    """Which priorities rows may have: many where there are functions of Django Tasks."""
    if request.param == "of Celery":
        monkeypatch.setattr(priorities, "possible", lambda: range(9, -1, -1))
    compiled.forget()
    yield
    compiled.forget()


def test_a_look_for_due_rows_passes_by_all_others(crowd):
    (part,) = delivery.ready_in_each(["one"])
    with looked_at() as found, connection.cursor() as cursor:
        cursor.execute(f"SELECT {part.text}", part.params)
        assert cursor.fetchone()[0]
    assert found[0] < LIMIT[connection.vendor]


def test_a_fetch_passes_by_all_others(crowd):
    delivery.reserve_rows(["one"], 5)  # compiled
    with looked_at() as found:
        assert len(delivery.reserve_rows(["one"], 5)) == 5
    assert found[0] < LIMIT[connection.vendor]


@pytest.mark.skipif(connection.vendor != "mysql", reason="it has no index of some rows alone")
def test_the_planner_is_not_asked():
    """Where rows change all the time it has read all that have ended, and locked them."""
    assert "FORCE INDEX (`boogie_tasks_task_ready`)" in str(Task.objects.ready_in(["one"]).query)
    inner = Task.objects.ready_in(["one"]).values("pk")
    outer = str(Task.objects.filter(pk__in=inner).query)
    assert "U0 FORCE INDEX" in outer.replace("`", "")  # Django 5.2 does not quote that
    assert "FORCE" not in str(Task.objects.due().query)
