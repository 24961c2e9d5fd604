"""A fetch reads as much as it takes, whatever waits behind that, and of however many queues."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone

from boogie.apps.tasks import Message, Task
from boogie.apps.tasks.transport import delivery
from tests.project.shop.models import Product
from tests.support.looking import looked_at
from tests.support.rows import coherent

#: Rows, and messages, that wait.
BACKLOG = 3000
QUEUES = ["queue_0", "queue_1", "queue_2"]
TAKEN = 5
#: What a fetch may look at, far below the backlog. SQLite counts steps of its machine,
#: some dozens for each row that it takes; MariaDB looks for each priority of each queue.
LIMIT = {"postgresql": 200, "mysql": 600, "sqlite": 4000}


@pytest.fixture(scope="module", params=["without statistics", "with statistics"])
def backlog(request, django_db_setup, django_db_blocker):
    """Commit rows and messages in turns of queue and priority; take them away at the end."""
    with django_db_blocker.unblock():
        product = Product.objects.create(name="first")
        Task.objects.bulk_create(_rows(product), batch_size=500)
        Message.objects.bulk_create(_messages(), batch_size=500)
        if request.param == "with statistics":
            _analyze()
        yield
        Task.objects.all()._raw_delete("default")
        Message.objects.all()._raw_delete("default")
        product.delete()


def _turns():
    """Yield queue and priority of each."""
    return ((QUEUES[n % 3], 5 if n % 100 in (7, 8) else 0) for n in range(BACKLOG))


def _rows(product):
    kind = ContentType.objects.get_for_model(Product)
    for queue, priority in _turns():
        yield Task(
            name="tests.backlog.task",
            content_type=kind,
            object_id=str(product.pk),
            object_db="default",
            queue=queue,
            priority=priority,
            created=timezone.now(),
            **coherent("queued"),
        )


def _messages():
    payload = '{"properties": {"delivery_info": {}}, "body": "%s"}' % ("x" * 1000)
    for queue, priority in _turns():
        yield Message(queue=queue, priority=priority, payload=payload, created=timezone.now())


def _analyze():
    word = "ANALYZE TABLE" if connection.vendor == "mysql" else "ANALYZE"
    with connection.cursor() as cursor:
        for model in (Task, Message):
            cursor.execute(f"{word} {model._meta.db_table}")
            cursor.fetchall() if connection.vendor == "mysql" else None


TAKE = {"rows": delivery.reserve_rows, "messages": delivery.reserve_messages}


@pytest.mark.django_db
@pytest.mark.parametrize("queues", [1, 2, 3])
@pytest.mark.parametrize("kind", TAKE)
def test_a_fetch_does_not_read_the_backlog(backlog, kind, queues):
    with looked_at() as found:
        taken = TAKE[kind](QUEUES[:queues], TAKEN)
    assert len(taken) == TAKEN
    assert found[0] < LIMIT[connection.vendor]


@pytest.mark.django_db
@pytest.mark.parametrize("queues", [1, 2, 3])
def test_to_tell_whose_turn_it_is_does_not_read_the_backlog(backlog, queues):
    with looked_at() as found:
        turns = delivery.turns(QUEUES[:queues], TAKEN)
    assert len(turns) == TAKEN
    assert found[0] < LIMIT[connection.vendor]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", TAKE)
def test_of_several_queues_the_highest_priority_comes_first_and_then_what_waits_longest(
    backlog, kind
):
    model, oldest = (Task, "due") if kind == "rows" else (Message, "pk")
    before = list(model.objects.filter(queue__in=QUEUES[:2]).order_by("-priority", oldest))
    taken = [TAKE[kind](QUEUES[:2], 25) for _ in range(2)]
    keys = [one.key for some in taken for one in some]
    assert len(set(keys)) == 50
    assert set(keys) == {row.pk for row in before[:50]}
    assert [row.priority for row in before[:50]] == [5] * 40 + [0] * 10
