"""What ``boogie://`` does not carry from process to process is refused in words."""

import uuid

import celery
import pytest
from kombu import Connection

from boogie.apps.tasks import Message
from boogie.apps.tasks.transport import transport
from tests.project.shop.models import Product
from tests.support.rows import columns
from tests.support.runs import declared

pytestmark = pytest.mark.django_db

ours = declared(lambda product: 1)


@pytest.fixture
def line():
    transport.Transport.global_state.clear()
    with Connection("boogie://") as line:
        yield line


@pytest.fixture
def app():
    """An app whose broker it is, whichever the session has."""
    with celery.Celery("controlled", set_as_current=False, broker="boogie://") as app:
        yield app


@pytest.mark.parametrize("options", [{}, {"reply": True, "timeout": 0.1}], ids=str)
def test_a_command_that_nobody_hears_is_refused(app, line, options):
    with pytest.raises(NotImplementedError, match=r"no remote control.*boogie_status.*cancel"):
        app.control.broadcast("ping", **options)


def test_a_command_that_a_worker_of_this_process_hears_is_delivered(app, line):
    heard = []
    node = app.control.mailbox.Node("here@host", channel=line.channel())
    node.handlers = {"ping": lambda state, **arguments: heard.append(arguments)}
    with node.listen():
        app.control.broadcast("ping")
        line.drain_events(timeout=5)
    assert heard == [{}]


def test_events_are_refused(app, line):
    receiver = app.events.Receiver(line, {"*": print})
    with pytest.raises(NotImplementedError, match="no events from process to process"):
        receiver.capture(limit=1, timeout=0.1)


def publish(line, headers):
    line.SimpleQueue("plain").put([], headers=headers, serializer="json")


def test_a_message_that_names_one_of_ours_and_no_row_is_refused(line):
    """From a process that did not know the task when it made the message."""
    for key in (str(uuid.uuid4()), "no id"):
        with pytest.raises(TypeError, match=r"is a Boogie task: use delayed\(obj"):
            publish(line, {"task": ours.name, "id": key})
    assert not Message.objects.exists()


def test_a_doorbell_is_nothing_and_a_plain_message_is_stored(line):
    row = ours.delayed(Product.objects.create(name="pen"))
    before = columns(row)
    publish(line, {"task": ours.name, "id": str(row.pk)})
    assert columns(row) == before
    assert not Message.objects.exists()
    publish(line, {"task": "plain", "id": str(uuid.uuid4())})
    assert Message.objects.get().queue == "plain"
