"""Queues that nobody else has, and what this process has open to the broker."""

import contextlib

import redis
from django.test import override_settings
from kombu import Connection, pools

from boogie.apps.tasks.broker.connection import BrokerPool, broker_pool
from tests.project import services
from tests.project.celery import app
from tests.support.names import fresh_name


@contextlib.contextmanager
def own_queue():
    """Give this process, and the workers it starts, a default queue that nobody else has."""
    name = fresh_name()
    try:
        with override_settings(CELERY_TASK_DEFAULT_QUEUE=name):
            forget_queue()
            yield name
    finally:
        forget_queue()
        hang_up()
        delete_queues(name)


def forget_queue():
    """Have Celery look up its default queue again."""
    vars(app.amqp).pop("default_queue", None)


def hang_up():
    """Close what this process has open to the broker, and forget where and whether it was."""
    broker_pool.forget()
    # Celery's own, which some of its versions make for every message.
    pools.reset()
    app._pool = app.amqp._producer_pool = None


def fresh_pool(monkeypatch):
    """Give a test a pool of connections to the broker that has none, and knows of no failure."""
    for name, value in vars(BrokerPool()).items():
        monkeypatch.setattr(broker_pool, name, value)


def delete_queues(*names):
    """Take the queues of a test, and all else that bears their names, off a real broker."""
    if services.BROKER == "boogie":
        return
    with Connection(services.broker_url()) as connection:
        for name in names:
            channel = connection.channel()
            channel.queue_delete(name)
            channel.exchange_delete(name)
            channel.close()
    if services.BROKER == "redis":
        with redis.Redis.from_url(services.broker_url()) as client:
            for name in names:
                client.delete(*client.scan_iter(f"*{name}*"), name)
