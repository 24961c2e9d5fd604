"""``expires`` of a task is ours: no message carries it, and no worker refuses one for it."""

import pytest
from django.conf import settings
from kombu import Connection

from boogie.apps.tasks import Task
from tests.project import services
from tests.project.celery import app
from tests.project.shop import tasks
from tests.project.shop.models import Product
from tests.support.processes import PATIENCE
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, real_broker

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]


@real_broker
@pytest.mark.parametrize("listened", [False, True])
def test_a_doorbell_does_not_say_when_its_row_expires(queue, listened):
    if listened:  # then Celery makes each message anew
        app.conf.task_send_sent_event = True
    try:
        row = tasks.perishable.using(queue=queue, expires=60).delayed(Product.objects.create())
        with Connection(services.broker_url()) as connection:
            channel, heard = connection.channel(), []
            wait_until(lambda: heard.append(channel.basic_get(queue, no_ack=True)) or heard[-1])
    finally:
        app.conf.task_send_sent_event = False
    message = heard[-1]
    assert message.headers["id"] == str(row.pk)
    assert message.headers["expires"] is None
    assert "expiration" not in message.properties


def test_a_worker_runs_a_row_whose_task_says_that_it_has_expired(standing):
    product, queue = Product.objects.create(name="pen"), settings.CELERY_TASK_DEFAULT_QUEUE
    row = tasks.perishable.using(queue=queue, expires=3600).delayed(product)
    (row,) = all_ended(row)
    assert row.is_finished
    row = tasks.perishable.using(queue="nobody.serves.it").delayed(product)
    wait_until(lambda: Task.objects.get(pk=row.pk).is_cancelled, PATIENCE)
    Task.objects.filter(pk=row.pk).update(queue=queue)
    row.refresh_from_db()
    assert row.retry()
    (row,) = all_ended(row)
    assert (row.status, row.attempt) == ("finished", 1)
