"""Who serves the queues of functions."""

import celery
import pytest
from django.test import override_settings

from boogie.apps.tasks import current_app
from boogie.apps.tasks.backend import BoogieBackend
from boogie.apps.tasks.broker import quirks
from boogie.apps.tasks.functions import serving

BACKEND = "boogie.apps.tasks.backend.BoogieBackend"


class Theirs(BoogieBackend):
    """A project's own."""


def configured(path=BACKEND, **params):
    return override_settings(TASKS={"default": {"BACKEND": path, **params}})


@pytest.fixture
def app(monkeypatch):
    with celery.Celery("served", set_as_current=False, broker="boogie://") as app:
        monkeypatch.setattr(current_app, "celery_app", lambda: app)
        yield app


def queues_of(app, *selected):
    queues = app.amqp.queues
    if selected:
        queues.select(selected)
    serving.serve_default(queues)
    return sorted(queues.consume_from)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["celery", "default"]),
        ({"QUEUES": []}, ["celery", "default"]),
        ({"QUEUES": ["else"]}, ["celery"]),
        ({"path": "tests.db.functions.test_serving.Theirs"}, ["celery", "default"]),
        ({"path": "django.tasks.backends.immediate.ImmediateBackend"}, ["celery"]),
        ({"path": "django.http.HttpRequest"}, ["celery"]),
    ],
)
def test_a_worker_serves_djangos_queue_where_a_backend_of_ours_has_it(app, settings, expected):
    with configured(**settings):
        assert queues_of(app) == expected


def test_a_worker_that_is_told_its_queues_serves_no_other(app):
    with configured():
        assert queues_of(app, "celery") == ["celery"]


def test_the_queue_is_served_where_celery_makes_none_by_itself(app):
    app.conf.task_create_missing_queues = False
    with configured():
        assert queues_of(app) == ["celery", "default"]


@override_settings()
def test_without_the_setting_nothing_is_served(app):
    from django.conf import settings

    del settings.TASKS
    assert queues_of(app) == ["celery"]


# --- priorities -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("priority", "driver", "expected"),
    [
        (-100, "amqp", 0),
        (-1, "amqp", 0),
        (7, "amqp", 7),
        (100, "amqp", 9),
        (-100, "redis", 0),
        (100, "redis", -9),
    ],
)
def test_a_broker_gets_priorities_that_it_knows(priority, driver, expected):
    assert quirks.broker_priority(priority, driver) == expected
