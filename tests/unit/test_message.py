"""The message of a doorbell: what Celery would publish, made once."""

import uuid
from types import MethodType

import celery
import pytest
from celery import signals
from celery._state import _task_stack
from celery.app import routes

from boogie.apps.tasks.broker import message as bell

NAME = "shop.count"


@pytest.fixture
def app():
    with celery.Celery("rung", set_as_current=False, broker="memory://") as app:
        app.conf.task_default_queue = f"bells-{uuid.uuid4()}"
        yield app


@pytest.fixture
def producer(app):
    with app.connection_for_write() as connection:
        yield app.amqp.Producer(connection)


@pytest.fixture
def published(app):
    """Take every message out of the queue: its headers, properties and body."""

    def take():
        with app.connection_for_read() as connection:
            box = connection.SimpleQueue(app.conf.task_default_queue)
            messages = []
            while box.qsize():
                message = box.get(block=False)
                message.ack()
                properties = {**message.properties}
                for ours in ("delivery_tag", "delivery_info"):
                    del properties[ours]
                messages.append((message.headers, properties, message.body))
            box.close()
        return messages

    return take


def new_id():
    return str(uuid.uuid4())


def ring(bells, producer, *task_ids, priority=3, queue=None):
    for task_id in task_ids:
        bells.ring(producer, NAME, task_id, priority, queue)


@pytest.fixture
def sends(app, monkeypatch):
    """Ids for which Celery made a message."""
    ids, send = [], bell.send

    def noted(app, producer, name, task_id, options):
        ids.append(task_id)
        send(app, producer, name, task_id, options)

    monkeypatch.setattr(bell, "send", noted)
    return ids


def test_every_message_is_to_the_letter_what_celery_makes(app, producer, published):
    bells, keys = bell.Doorbells(app), [new_id() for _ in range(3)]
    ring(bells, producer, *keys)
    ours = published()
    for key in keys:
        bell.send(app, producer, NAME, key, {"priority": 3})
    assert ours == published()
    assert [headers["id"] for headers, _, _ in ours] == keys


@pytest.mark.parametrize("differ", [False, True])
def test_what_is_shown_is_in_the_headers_of_each_message(app, producer, published, differ):
    app.conf.task_send_sent_event = differ
    bells, keys = bell.Doorbells(app), [new_id() for _ in range(2)]
    for number, key in enumerate(keys):
        bells.ring(producer, NAME, key, 3, None, (f"(shop.product:{number},)", "{'n': 1}"))
    ring(bells, producer, new_id())
    shown = [(headers["argsrepr"], headers["kwargsrepr"]) for headers, _, _ in published()]
    assert shown == [
        ("(shop.product:0,)", "{'n': 1}"),
        ("(shop.product:1,)", "{'n': 1}"),
        ("()", "{}"),
    ]


def test_the_old_protocol_has_no_place_for_it(app, producer, published):
    app.conf.task_protocol = 1
    bell.Doorbells(app).ring(producer, NAME, new_id(), 3, None, ("(shop.product:1,)", "{}"))
    ((headers, _, _),) = published()
    assert "argsrepr" not in headers


def test_options_of_a_registered_task_are_in_its_message_where_celery_has_them_there(
    app, producer, published
):
    @app.task(name=NAME, time_limit=7)
    def registered():
        pass

    app.finalize()
    ring(bell.Doorbells(app), producer, new_id())
    bell.send(app, producer, NAME, new_id(), {"priority": 3})
    ours, celerys = [headers["timelimit"] for headers, _, _ in published()]
    assert ours == celerys


def test_celery_makes_one_message_for_each_name_queue_and_priority(app, producer, sends):
    bells = bell.Doorbells(app)
    for _ in range(3):
        ring(bells, producer, new_id(), new_id())
        ring(bells, producer, new_id(), priority=5)
        ring(bells, producer, new_id(), queue="other")
    assert sends == [bell.PLACE] * 3


@pytest.mark.parametrize("signal", bell.SIGNALS)
def test_receivers_are_told_of_every_message(app, producer, published, signal):
    bells, told, keys = bell.Doorbells(app), [], [new_id(), new_id()]
    ring(bells, producer, new_id())

    def listen(headers, **extra):
        told.append(headers["id"])
        headers["trace"] = f"trace of {headers['id']}"

    signal.connect(listen)
    try:
        ring(bells, producer, *keys)
    finally:
        signal.disconnect(listen)
    assert told == keys
    if signal is signals.before_task_publish:
        assert [headers.get("trace") for headers, _, _ in published()[1:]] == [
            f"trace of {key}" for key in keys
        ]


def test_a_router_of_the_project_decides_on_every_message(app, producer, sends):
    app.conf.task_routes = [lambda name, *rest, **options: {"queue": "chosen"}]
    keys = [new_id(), new_id()]
    ring(bell.Doorbells(app), producer, *keys)
    assert sends == keys


class ByTenant:
    def __call__(self, *args, **options):
        return {"queue": "chosen"}


def by_subclass_of_router(app):
    """An AMQP class may come with a router of its own."""
    kind = type("OwnRouter", (routes.Router,), {"route": lambda self, *args: ByTenant()()})
    app.amqp.router = kind()


def by_subclass_of_map(app):
    kind = type("OwnMap", (ByTenant, routes.MapRoute), {})
    app.amqp.router.routes = [kind({})]


@pytest.mark.parametrize("install", [by_subclass_of_router, by_subclass_of_map])
def test_a_subclass_of_celerys_routers_decides_on_every_message(app, producer, sends, install):
    install(app)
    keys = [new_id(), new_id()]
    ring(bell.Doorbells(app), producer, *keys)
    assert sends == keys


def test_in_a_task_the_message_names_its_parent(app, producer, published):
    bells, root, parent = bell.Doorbells(app), new_id(), new_id()

    @app.task(name="parent")
    def task():
        ring(bells, producer, new_id())

    ring(bells, producer, new_id())
    task.push_request(id=parent, root_id=root, called_directly=False)
    _task_stack.push(task)
    try:
        task.run()
    finally:
        _task_stack.pop()
        task.pop_request()
    before, inside = [headers for headers, _, _ in published()]
    assert (before["root_id"], before["parent_id"]) == (before["id"], None)
    assert (inside["root_id"], inside["parent_id"]) == (root, parent)


def test_a_queue_is_declared_on_every_channel(app, producer, monkeypatch):
    bells = bell.Doorbells(app)
    ring(bells, producer, new_id(), new_id())
    with app.connection_for_write() as another:
        second = app.amqp.Producer(another)
        ring(bells, second, new_id())
        queue = app.conf.task_default_queue
        assert second.channel.queue_declare(queue, passive=True).message_count == 3
        second.channel.queue_delete(queue)


def test_events_of_sent_tasks_are_sent_if_celery_is_told_to(app, producer, sends):
    app.conf.task_send_sent_event = True
    keys = [new_id(), new_id()]
    ring(bell.Doorbells(app), producer, *keys)
    assert sends == keys


class Transparent:
    """As ``wrapt`` wraps functions, which tracers do: to whoever asks it is the function inside."""

    def __init__(self, inner, headers):
        self._inner, self._headers = inner, headers

    @property
    def __class__(self):
        return type(self._inner)

    def __getattr__(self, name):
        return getattr(self._inner, name)

    def __call__(self, *args, **options):
        return self._inner(*args, headers=self._headers(), **options)


@pytest.mark.parametrize("where", ["app", "class", "amqp", "wrapper", "bound wrapper"])
def test_who_patches_what_celery_sends_by_is_asked_for_each_message(
    app, producer, published, monkeypatch, where
):
    """Of tenants and of traces: a header that is kept would be that of the first message."""
    tenants = iter(["one", "two", "three"])
    if where == "amqp":
        send = app.amqp.send_task_message

        def patched(producer, name, message, **options):
            message.headers["tenant"] = next(tenants)
            return send(producer, name, message, **options)

        monkeypatch.setattr(app.amqp, "send_task_message", patched)
    elif "wrapper" in where:
        inner = app.send_task if where == "wrapper" else celery.Celery.send_task
        wrapper = Transparent(inner, lambda: {"tenant": next(tenants)})
        bound = wrapper if where == "wrapper" else MethodType(wrapper, app)
        monkeypatch.setattr(app, "send_task", bound)
    else:
        send = celery.Celery.send_task

        def patched(self, *args, headers=None, **options):
            return send(self, *args, headers={"tenant": next(tenants)}, **options)

        target = app if where == "app" else celery.Celery
        method = patched.__get__(app) if where == "app" else patched
        monkeypatch.setattr(target, "send_task", method)
    bells = bell.Doorbells(app)
    ring(bells, producer, *(new_id() for _ in range(3)))
    assert [headers["tenant"] for headers, _, _ in published()] == ["one", "two", "three"]
