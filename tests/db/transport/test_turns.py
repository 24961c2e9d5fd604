"""Rows and messages of plain tasks in one queue of ``boogie://`` have their turns in one order."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone
from kombu import Connection, Consumer, Queue

from boogie.apps.tasks import Message, Task, current_app
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.transport import channel
from tests.support.rows import stored
from tests.support.statements import statements
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

PAYLOAD = """{"headers": {"id": "%s"}, "body": "", "content-type": "text/plain", "content-encoding":
"utf-8", "properties": {"delivery_info": {"exchange": ""}, "body_encoding": ""}}"""


def put(number, kind, priority=0, queue="q"):
    """Have a row or a message wait since a time that ``number`` tells; its name is that number."""
    since = timezone.now() - timedelta(minutes=60 - number)
    if kind == "row":
        pk = stored("queued", queue=queue, priority=priority, due=since).pk
        return str(pk)
    Message.objects.create(queue=queue, priority=priority, payload=PAYLOAD % number, created=since)
    return str(number)


@pytest.fixture(params=[1, 4])
def fetched(request):
    """
    Return a function that fetches everything from some queues; it tells the ids in order.

    As a worker's event loop does, whose prefetch is full until it acknowledges.
    """
    current_app.celery_app()
    taken = []
    with Connection("boogie://") as line:

        def fetch(*queues):
            declared = [Queue(name) for name in queues]
            with Consumer(line.channel(), declared, on_message=taken.append) as consumer:
                consumer.qos(prefetch_count=request.param)
                line.transport._look_and_deliver()
                for message in taken:  # grows meanwhile
                    message.ack()
                    line.transport._on_tick()
            return [message.headers["id"] for message in taken]

        yield fetch


def test_what_waits_longer_comes_first(fetched):
    kinds = ["plain", "row", "plain", "plain", "row", "row", "plain"]
    ids = [put(number, kind) for number, kind in enumerate(kinds)]
    assert fetched("q") == ids


def test_what_has_a_higher_priority_comes_first(fetched):
    asked = [("plain", 0), ("row", 0), ("row", 9), ("plain", 9), ("plain", 5), ("row", 5)]
    ids = [put(number, *one) for number, one in enumerate(asked)]
    assert fetched("q") == [ids[place] for place in (2, 3, 4, 5, 0, 1)]


def test_the_queues_of_a_worker_have_one_order(fetched):
    asked = [("plain", 0, "one"), ("row", 0, "two"), ("plain", 0, "two"), ("row", 0, "one")]
    ids = [put(number, *one) for number, one in enumerate(asked)]
    put(5, "row", 9, "three")
    assert fetched("one", "two") == ids


# --- what comes while a worker is busy ------------------------------------------------


@pytest.fixture
def taken(consumer):
    """What a consumer with one place has got."""
    return consumer[1]


def test_a_row_that_comes_while_messages_are_run_has_its_turn_among_them(line, taken):
    first = put(0, "plain")
    line.transport._look_and_deliver()
    row, later = put(1, "row"), put(2, "plain")
    for _ in range(2):
        taken[-1].ack()
        line.transport._on_tick()
    assert [message.headers["id"] for message in taken] == [first, row, later]


def test_a_message_that_comes_while_rows_are_run_is_found_by_the_next_look(line, taken):
    # As on PostgreSQL: it is told of what comes, and need not look often. (It does not ask again.)
    line.transport._watch._listening_since = time.monotonic() + 3600
    for number in range(3):
        put(number, "row", 1)
    line.transport._look_and_deliver()
    message = put(4, "plain", 2)

    def runs_on():
        """A row comes for each that ends."""
        put(5, "row", 1)
        taken[-1].ack()
        line.transport._on_tick()
        if line.transport._watch.is_time():
            line.transport._look_and_deliver()
        return message in [one.headers["id"] for one in taken]

    wait_until(runs_on, 10)


def test_a_look_without_room_is_made_up_for_as_soon_as_there_is_some(line, taken):
    first = put(0, "row")
    line.transport._look_and_deliver()
    line.transport._appetite.hungry = channel.NOTHING
    line.transport._look_and_deliver()
    second = put(1, "row")
    taken[0].ack()
    line.transport._on_tick()
    assert [message.headers["id"] for message in taken] == [first, second]


def test_while_there_are_rows_a_fetch_does_not_ask_for_messages(line, taken):
    for number in range(3):
        put(number, "row")
    line.transport._look_and_deliver()
    Task.objects.filter(pk=taken[0].headers["id"]).update(due=Moment(60))
    with statements() as found:
        taken[0].ack()
        line.transport._on_tick()
    assert len(taken) == 2
    assert not [statement for statement in found if Message._meta.db_table in statement]
