"""Behind a replica that is late: nothing that decides asks it, whatever happens to a row."""

import pytest
from celery.exceptions import Reject
from django.contrib.contenttypes.models import ContentType
from django.db import connections

from boogie.apps.tasks import Message, ObjectGone, Task, TaskCancelled, Worker, identity
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.keeper import purge, rescue
from boogie.apps.tasks.keeper.thread import Keeper
from boogie.apps.tasks.monitoring import health
from boogie.apps.tasks.transport import channel, delivery
from tests.db.models.test_replicas import replicated
from tests.project.shop.models import Product
from tests.support.rows import coherent
from tests.support.runs import declared, ring

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "other"])


def refuse(execute, sql, *args):
    raise AssertionError(f"the replica was asked: {sql}")


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@pytest.fixture(autouse=True)
def alone(product):
    """A router that reads from a replica, of which nothing may be read."""
    ContentType.objects.clear_cache()
    with replicated(), connections["other"].execute_wrapper(refuse):
        yield
    ContentType.objects.clear_cache()


def rows():
    return Task.objects.on_primary()


def work(row):
    """Run a row as a worker does; return it, read again from the primary."""
    ring(row.name, row.pk)
    return rows().get(pk=row.pk)


# --- runs -----------------------------------------------------------------------------


def body(self, product, way):
    self.check_cancelled()
    if way == "retry" and not self.row.retries:
        raise self.retry(countdown=0)
    if way == "reject":
        raise Reject
    if way == "fail":
        raise LookupError(way)
    if way == "cancel":
        rows().filter(pk=self.row.pk).cancel()
        self.check_cancelled()


loose = declared(bind=True, name="db.unasked.loose")(body)
atomic = declared(bind=True, name="db.unasked.atomic", atomic=True)(body)

ways = pytest.mark.parametrize(
    ("way", "status"),
    [
        ("return", "finished"),
        ("retry", "finished"),
        ("fail", "failed"),
        ("reject", "failed"),
    ],
)


@pytest.mark.parametrize("task", [loose, atomic], ids=["loose", "atomic"])
@ways
def test_a_run_asks_no_replica(product, task, way, status):
    row = task.delayed(product, way)
    while (row := work(row)).is_queued:
        pass
    assert row.status == status


@ways
def test_nor_does_a_call(product, way, status):
    try:
        loose.call(product, way)
    except (LookupError, Reject):
        assert status == "failed"
    assert rows().get().status == status


def test_nor_does_a_run_that_is_cancelled(product):
    row = loose.delayed(product, "cancel")
    assert work(row).is_cancelled
    with pytest.raises(TaskCancelled):
        row.wait(timeout=0)


def test_nor_does_one_whose_object_has_gone(product):
    row = loose.delayed(product, "return")
    Product.objects.using("default").all().delete()
    ContentType.objects.clear_cache()
    row = work(row)
    assert row.is_failed
    assert row.errors[0]["type"].endswith(ObjectGone.__name__)


def test_nor_does_one_that_has_lost_its_process(product):
    row = loose.delayed(product, "return")
    losses.refuse(str(row.pk), row.name)
    losses.cancel_revoked([str(row.pk)], terminate=False)
    assert rows().get().error.startswith("UnknownTask")


# --- making ---------------------------------------------------------------------------


def test_rows_of_many_objects_are_made_and_cleaned(product):
    objects = Product.objects.using("default").all()
    loose.each(objects, way="return")
    loose.each.paused([product], way="return")
    assert rows().count() == 2
    assert loose.clean(product, finished=False, keep_last=True) == 2


def test_the_verbs_of_an_objects_rows(product):
    loose.paused(product, "return")
    assert loose.tasks(product).run() == 1
    assert loose.tasks(product).pause() == 1
    assert loose.tasks(product).cancel() == 1
    assert loose.tasks(product).retry() == 1
    assert loose.tasks(product).cancel() == 1
    assert loose.clean(product) == 1


# --- what looks after rows ------------------------------------------------------------


class Pool:
    def known(self):
        return set()

    def kill(self, task_id):
        pass


def test_a_keeper_asks_no_replica(product):
    worker = identity.worker_id()
    for fields in (
        {"status": "running", "worker": "dead@there/1"},
        {"status": "running", "worker": worker},
        {"status": "cancelled", "worker": worker, "terminate": True},
        {"status": "queued"},
    ):
        row = loose.delayed(product, "return")
        changes = {"due": None, **coherent(fields["status"]), **fields}
        rows().filter(pk=row.pk).update(**changes)
    keeper = Keeper(worker, {"queues": ["boogie_tests"]}, Pool())
    keeper.beat()
    keeper.ring()
    keeper.kill_terminated()
    keeper.missing.compare()
    keeper.missing.compare()
    assert not rows().running().filter(worker=worker).exists()
    Worker.objects.on_primary().update(steady="2020-01-01T00:00Z")
    rescue.rescue(worker)
    purge.purge()
    assert not rows().running().exists()


def test_what_is_reserved_and_given_back_is_on_the_primary(product):
    loose.delayed(product, "return")
    row = rows().get()
    rows().update(due=row.created)
    assert [one.key for one in delivery.reserve_rows([row.queue], 1)] == [row.pk]
    channel._messages().create(queue="q", payload='{"properties": {"delivery_info": {}}}')
    assert len(delivery.reserve_messages(["q"], 1)) == 1
    assert Message.objects.on_primary().held().count() == 1


def test_the_health_of_the_whole_is_that_of_the_primary(product):
    loose.delayed(product, "return")
    Keeper("here/1", {"queues": []}, Pool()).beat()
    state = health.examine()
    assert (state.alive, state.rows["queued"]) == (1, 1)


def test_a_worker_that_was_read_from_the_replica_lives_as_the_primary_says(product):
    Keeper("here/1", {"queues": []}, Pool()).beat()
    worker = Worker.objects.on_primary().get()
    worker._state.db = "other"
    assert worker.is_alive
