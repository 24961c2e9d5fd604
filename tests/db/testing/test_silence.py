"""Under tests no doorbell leaves for a broker."""

import socket
import sys
from types import SimpleNamespace

import celery
import pytest
from django.db import transaction

from boogie.apps.tasks import Task, current_app, identity
from boogie.apps.tasks.broker import doorbell, silence
from boogie.apps.tasks.broker.connection import broker_pool
from tests.project.shop.models import Product
from tests.support.queues import fresh_pool
from tests.support.runs import declared


@pytest.fixture
def quiet(monkeypatch):
    """As in the tests of a project: these here need messages."""
    monkeypatch.setattr(silence, "_asked", 0)


@pytest.fixture
def broker(monkeypatch):
    """A broker that takes connections and says nothing; how many it has taken."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.01)
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        with celery.Celery("silent", set_as_current=False, broker=url) as app:
            monkeypatch.setattr(current_app, "celery_app", lambda: app)
            fresh_pool(monkeypatch)
            yield server


def knocks(server):
    try:
        server.accept()[0].close()
    except TimeoutError:
        return False
    return True


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quiet")
def test_what_a_test_commits_rings_nowhere_and_waits_for_nothing(broker):
    product = Product.objects.create(name="thing")
    with transaction.atomic():
        row = declared(lambda product: 1).delayed(product)
    assert not knocks(broker)
    assert not broker_pool.is_broken
    assert Task.objects.due().get() == row  # a worker that is there needs no doorbell


@pytest.mark.django_db
@pytest.mark.usefixtures("quiet")
def test_commits_that_are_played_ring_nowhere(broker, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        declared(lambda product: 1).delayed(Product.objects.create(name="thing"))
    assert callbacks == []
    assert not knocks(broker)


@pytest.mark.usefixtures("quiet")
def test_no_doorbell_is_rung_whoever_wants_to(broker):
    row = SimpleNamespace(pk="x", name="t", backend="", queue="", priority=0)
    assert doorbell.ring([row]) == [row]
    assert not knocks(broker)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("wants", ["a fixture", "a worker in a thread", "no test"])
def test_who_needs_doorbells_gets_them(broker, monkeypatch, wants):
    if wants == "a fixture":
        monkeypatch.setattr(silence, "_asked", 1)
    elif wants == "a worker in a thread":
        monkeypatch.setattr(identity, "_worker_id", "worker@here/1")
    else:
        monkeypatch.delitem(sys.modules, "django.test.utils")
    monkeypatch.setenv("BOOGIE", "")
    declared(lambda product: 1).delayed(Product.objects.create(name="thing"))
    assert knocks(broker)


@pytest.mark.usefixtures("quiet")
def test_it_is_a_test_where_django_says_so(monkeypatch):
    from django.core import mail
    from django.test import utils

    assert silence.holds()
    with silence.lifted():
        assert not silence.holds()
        with silence.lifted():
            pass
        assert not silence.holds()
    monkeypatch.setattr(mail, "outbox", [], raising=False)
    monkeypatch.delattr(utils._TestState, "saved_data")
    assert not silence.holds()
