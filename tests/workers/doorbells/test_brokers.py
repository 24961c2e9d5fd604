"""A broker that is away, restarts or forgets while rows wait: all of them run."""

import contextlib

import pytest
from django.test import override_settings
from kombu import Connection

from boogie.apps.tasks.broker.connection import broker_pool
from tests.project import services
from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.support.processes import PATIENCE
from tests.support.project_worker import NEVER
from tests.support.queues import hang_up
from tests.support.servers.programs import Absent
from tests.support.servers.proxy import Proxy
from tests.support.servers.redis_server import RedisServer
from tests.support.waiting import wait_until
from tests.workers.traces import all_ended, has_begun, let_go, real_broker, runs_of

pytestmark = [pytest.mark.worker, pytest.mark.django_db(transaction=True)]

#: A lost doorbell is rung again soon, a broker that was away is tried again soon.
SOON = {"RING_AGAIN": 2, "PUBLISH_PAUSE": 1}

#: More rows than a worker with one child fetches ahead.
MANY = 10

on_redis = pytest.mark.skipif(services.BROKER != "redis", reason="about Redis")
on_rabbitmq = pytest.mark.skipif(services.BROKER != "rabbitmq", reason="about RabbitMQ")
on_boogie = pytest.mark.skipif(services.BROKER != "boogie", reason="about boogie://")


@contextlib.contextmanager
def calling(url):
    """Have this process ring at ``url``."""
    with override_settings(CELERY_BROKER_URL=url):
        try:
            yield
        finally:
            hang_up()


@pytest.fixture
def own_redis():
    """A Redis server of this test alone."""
    try:
        server = RedisServer()
    except Absent as absent:
        (pytest.fail if services.REQUIRED else pytest.skip)(str(absent))
    with contextlib.closing(server), calling(server.url):
        yield server.start()


@pytest.fixture
def line():
    """A line to the session's broker, which this process and the workers of the test use."""
    with contextlib.closing(Proxy(services.broker_url())) as one, calling(one.url):
        yield one


@contextlib.contextmanager
def rows_that_wait(post):
    """Occupy a worker's only child, put rows behind it; when the context ends, all must run."""
    with override_settings(BOOGIE_TASKS=SOON):
        first = tasks.hold.delayed(post)
        wait_until(lambda: has_begun(post), PATIENCE)
        waiting = [Post.objects.create(author=post.author, title="waits") for _ in range(MANY)]
        rows = [tasks.count.delayed(one) for one in waiting]
        yield
        let_go(post)
        ended = all_ended(first, *rows)
    assert {row.status for row in ended} == {"finished"}
    assert {row.attempt for row in ended} == {1}
    assert [runs_of(one) for one in waiting] == [1] * MANY


# --- restarted and emptied ------------------------------------------------------------


@on_redis
def test_rows_run_after_redis_was_killed_and_came_back_empty(own_redis, worker, post):
    worker(broker=own_redis.url, tasks=SOON)
    with rows_that_wait(post):
        own_redis.restart()


@on_redis
def test_rows_run_after_redis_was_flushed(own_redis, worker, post):
    worker(broker=own_redis.url, tasks=SOON)
    with rows_that_wait(post):
        own_redis.flush()


@on_redis
def test_rows_enqueued_before_redis_was_flushed_run_on_a_worker_that_starts_later(
    own_redis, worker, post
):
    with override_settings(BOOGIE_TASKS=SOON):
        row = tasks.count.delayed(post)
    own_redis.flush()
    worker(broker=own_redis.url, tasks=SOON)
    assert row.wait(PATIENCE) == 1


@real_broker
def test_rows_run_after_every_connection_to_the_broker_was_cut(line, worker, post):
    one = worker(broker=line.url, tasks=SOON)
    before = line.calls
    with rows_that_wait(post):
        line.cut()
        wait_until(lambda: line.calls > before, PATIENCE)
        one.until_logged("Connection to broker lost")


@on_rabbitmq
@pytest.mark.parametrize("emptying", ["queue_purge", "queue_delete"])
def test_rows_run_after_their_queue_was_emptied_on_rabbitmq(worker, queue, post, emptying):
    worker(tasks=SOON)
    with rows_that_wait(post), Connection(services.broker_url()) as connection:
        channel = connection.channel()
        assert getattr(channel, emptying)(queue) > 0


@on_boogie
def test_rows_run_after_their_worker_was_restarted(worker, post):
    first = worker(tasks=SOON)
    with rows_that_wait(post):
        first.terminate()
        first.until_logged("Warm shutdown")
        worker(tasks=SOON)


# --- away -----------------------------------------------------------------------------


@real_broker
@pytest.mark.parametrize("mode", ["closed", "silent"])
def test_with_the_broker_away_rows_are_queued_and_run_when_it_is_back(line, worker, post, mode):
    worker(broker=line.url, tasks=SOON)
    line.cut(mode)
    with override_settings(BOOGIE_TASKS={**SOON, "PUBLISH_PAUSE": NEVER}):
        row = tasks.count.delayed(post)
        row.refresh_from_db()
        assert row.is_queued
        assert broker_pool.is_broken
    line.cut()
    assert row.wait(PATIENCE) == 1


@real_broker
@pytest.mark.parametrize("mode", ["closed", "silent"])
def test_after_a_publish_that_failed_the_next_makes_no_attempt_to_connect(line, queue, post, mode):
    line.cut(mode)
    with override_settings(BOOGIE_TASKS={"PUBLISH_PAUSE": NEVER}):
        tasks.count.delayed(post)
        attempts = line.calls
        assert attempts > 0
        row = tasks.count.delayed(post)
    assert line.calls == attempts
    assert row.is_queued
    broker_pool.forget()
    line.cut()
    tasks.count.delayed(post)
    assert line.calls > attempts
