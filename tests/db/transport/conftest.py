"""A line by ``boogie://``, and a consumer of one queue with one place."""

import pytest
from kombu import Connection, Consumer, Queue

from boogie.apps.tasks import current_app


@pytest.fixture
def line():
    current_app.celery_app()
    with Connection("boogie://") as line:
        yield line


@pytest.fixture
def consumer(line):
    """The channel of the consumer, and what it was given."""
    taken = []
    with Consumer(line.channel(), [Queue("q")], on_message=taken.append) as consumer:
        consumer.qos(prefetch_count=1)
        yield consumer.channel, taken
