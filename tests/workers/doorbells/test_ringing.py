"""On a real broker: rows made by ``each`` are rung in step with the workers."""

from datetime import timedelta

import pytest

from boogie.apps.tasks import Task
from boogie.apps.tasks.broker import inspect
from boogie.apps.tasks.keeper import ring
from tests.project.shop import tasks
from tests.project.shop.models import Product
from tests.support.processes import PATIENCE
from tests.support.project_worker import NEVER
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, real_broker

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True), real_broker]


@pytest.fixture
def objects(transactional_db):
    Product.objects.bulk_create([Product(name=f"product {n}") for n in range(60)])
    return Product.objects.order_by("pk")


def test_a_queue_that_is_not_there_has_depth_0(queue):
    assert inspect.depth(queue) == 0
    assert inspect.depth(queue) == 0  # the connection has survived the first question


def test_many_due_rows_never_bring_the_queue_above_a_batch(queue, objects, monkeypatch):
    monkeypatch.setattr(ring, "BATCH", 10)
    tasks.name_of.each(objects)
    assert inspect.depth(queue) == 0
    assert [ring.ring_due(["", queue]) for _ in range(3)] == [10, 0, 0]
    wait_until(lambda: inspect.depth(queue) == 10, PATIENCE)
    assert ring.ring_due(["", queue]) == 0
    assert Task.objects.due().count() == 50


def test_what_is_rung_by_hand_counts(queue, objects, monkeypatch):
    monkeypatch.setattr(ring, "BATCH", 10)
    for product in objects[:7]:
        tasks.name_of.delayed(product)
    wait_until(lambda: inspect.depth(queue) == 7, PATIENCE)
    tasks.name_of.each(objects)
    assert ring.ring_due(["", queue]) == 3


def test_every_row_of_each_is_run_once_by_a_worker_whose_keeper_rings(worker, objects):
    rows = tasks.name_of.each(objects)
    worker("-c", "2", tasks={"RING_AGAIN": NEVER})
    for row in all_ended(*rows):
        assert row.is_finished
        assert row.attempt == 1
        assert row.get_result()["name"] == row.object.name


def test_the_keeper_of_a_busy_worker_fills_the_queue_up_to_a_batch(worker, queue, tmp_path):
    over = 200
    Product.objects.bulk_create([Product(name="busy") for _ in range(ring.BATCH + over)])
    objects = Product.objects.order_by("pk")
    one = worker("-c", "1", tasks={"RING_AGAIN": NEVER})
    holding = tasks.told_by_function.delayed(objects[0], str(tmp_path / "diary"))
    wait_until((tmp_path / "diary").exists, PATIENCE)
    rows = tasks.name_of.each(objects)
    prefetched = 4
    depths = []
    wait_until(lambda: rows.due().count() <= over or depths.append(inspect.depth(queue)), PATIENCE)
    # Several looks later there are no more.
    seen = one.row.seen
    wait_until(lambda: one.row.seen > seen + timedelta(seconds=5), PATIENCE)
    assert over - prefetched <= rows.due().count() <= over
    assert max([*depths, inspect.depth(queue)]) <= ring.BATCH
    rows.cancel()
    holding.cancel()
