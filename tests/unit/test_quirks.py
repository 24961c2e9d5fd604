"""A worker whose messages are all doorbells keeps no copies of them in Redis."""

import subprocess
import sys

import celery
import pytest

from boogie.apps.tasks.broker import quirks
from boogie.apps.tasks.declaration.base import BoogieTask

REDIS = "redis://localhost:1/0"


class Count(BoogieTask):
    """A task of ours."""

    name = "shop.count"

    def run(self, product):
        """Do nothing."""


def app_of(*tasks, broker=REDIS, **options):
    app = celery.Celery("spared", set_as_current=False, broker=broker)
    app.conf.broker_transport_options = options
    app.finalize()
    for name in [name for name in app.tasks if not name.startswith("celery.")]:
        app.tasks.unregister(name)  # @shared_task of the tests' project
    for task in tasks:
        app.register_task(task)
    return app


def plain():
    return type("Plain", (celery.Task,), {"name": "shop.plain", "run": lambda self: None})()


def test_copies_are_not_kept_where_all_tasks_are_ours():
    app = app_of(Count(), socket_timeout=5)
    assert [name for name in app.tasks if name.startswith("celery.")]
    quirks.spare_redis(app)
    assert app.conf.broker_transport_options == {"socket_timeout": 5, "ack_emulation": False}


def test_one_other_task_needs_them():
    app = app_of(Count(), plain())
    quirks.spare_redis(app)
    assert app.conf.broker_transport_options == {}


@pytest.mark.parametrize("wanted", [True, False])
def test_what_the_project_says_is_done(wanted):
    app = app_of(Count(), ack_emulation=wanted)
    quirks.spare_redis(app)
    assert app.conf.broker_transport_options == {"ack_emulation": wanted}


def test_what_the_settings_say_under_their_own_names_is_gone_before(settings):
    settings.CELERY_BROKER_URL = REDIS
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5}
    app = celery.Celery("spared", set_as_current=False, broker=REDIS)
    app.config_from_object("django.conf:settings", namespace="CELERY")
    quirks.hear_redis(app)
    told = app.conf.broker_transport_options
    assert (told["socket_timeout"], "priority_steps" in told) == (5, True)


@pytest.mark.parametrize("broker", ["amqp://localhost:1//", "memory://", "boogie://"])
def test_other_brokers_are_left_alone(broker):
    app = app_of(Count(), broker=broker)
    quirks.spare_redis(app)
    assert app.conf.broker_transport_options == {}


PROGRAM = """
import celery, django
from boogie.apps.tasks import task
from django.conf import settings

apps = ["django.contrib.contenttypes", "boogie.apps.tasks"]
sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
settings.configure(INSTALLED_APPS=apps, DATABASES={"default": sqlite})
app = celery.Celery("spared", broker="redis://localhost:1/0")
django.setup()

@task
def count(product):
    pass

app.Worker(loglevel="ERROR")
with app.connection_for_read() as connection:
    print(connection.transport_options)
"""


def test_a_worker_connects_like_that():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert "'ack_emulation': False" in done.stdout
