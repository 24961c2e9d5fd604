"""What sends messages refuses those that name a Boogie task, before the first of them is sent."""

import uuid

import celery
import pytest
from celery import beat, chain, chord, group, signature

from boogie.apps.tasks.broker import guard
from boogie.apps.tasks.broker import message as bell
from tests.support.runs import declared

ours = declared(lambda user, word="hello": word, name="unit.guard.ours")


@pytest.fixture
def app():
    with celery.Celery("guarded", set_as_current=False, broker="memory://") as app:
        app.conf.task_default_queue = f"guarded-{uuid.uuid4()}"
        app.finalize()
        guard.install(app)
        yield app


@pytest.fixture
def plain(app):
    @app.task(name="unit.guard.plain", shared=False)
    def plain(*args):
        return args

    return plain


def sent(app):
    """Return how many messages were sent."""
    with app.connection_for_read() as connection:
        channel = connection.channel()
        app.amqp.queues[app.conf.task_default_queue](channel).declare()
        return channel.queue_declare(app.conf.task_default_queue, passive=True).message_count


ADVICE = r"unit\.guard\.ours is a Boogie task: use (delayed|each)\(obj"


def by_name(app):
    return signature("unit.guard.ours", app=app)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"args": [1]},
        {"task_id": "5", "args": [1]},
        {"task_id": "5", "kwargs": {"word": "bye"}},
    ],
    ids=str,
)
def test_send_task_refuses_what_is_no_doorbell(app, options):
    with pytest.raises(TypeError, match=ADVICE):
        app.send_task(ours.name, **options)
    with pytest.raises(TypeError, match=ADVICE):
        app.send_task(ours.name, options.get("args"), options.get("kwargs"))
    assert sent(app) == 0


def test_send_task_sends_a_doorbell_and_what_is_of_others(app, plain):
    app.send_task(ours.name, task_id=str(uuid.uuid4()))
    app.send_task("unit.guard.unknown", [1])
    plain.delay(2)
    assert sent(app) == 3


@pytest.mark.parametrize("make", ["s", "si", "signature", "subtask", "map", "starmap", "chunks"])
def test_a_task_makes_no_signature(make):
    with pytest.raises(TypeError, match=ADVICE):
        getattr(ours, make)([1], 2)


@pytest.mark.parametrize("method", ["replace", "add_to_chord", "signature_from_request"])
def test_a_body_does_not_hand_its_row_on_to_a_signature(method):
    with pytest.raises(TypeError, match=ADVICE):
        getattr(ours, method)(None)


CANVAS = {
    "chain": lambda plain, name: chain(plain.si(), name),
    "a chain in a chain": lambda plain, name: chain(plain.si(), chain(plain.si(), name)),
    "first of a chain": lambda plain, name: chain(name, plain.si()),
    "header of a chord": lambda plain, name: chord([plain.si(), name], plain.si()),
    "body of a chord": lambda plain, name: chord([plain.si(), plain.si()], name),
    "group in a chain": lambda plain, name: chain(plain.si(), group(plain.si(), name)),
}


@pytest.mark.parametrize("make", CANVAS.values(), ids=CANVAS)
def test_a_name_in_a_canvas_is_refused_before_the_first_message(app, plain, make):
    app.conf.result_backend = "cache+memory://"  # chords want one
    canvas = make(plain, by_name(app))
    with pytest.raises(TypeError, match="is a Boogie task"):
        canvas.apply_async()
    assert sent(app) == 0


def test_a_name_in_a_group_is_refused_in_its_turn(app, plain):
    """Celery sends each member before it looks at the next but one."""
    with pytest.raises(TypeError, match="is a Boogie task"):
        group(by_name(app), plain.si(), plain.si()).apply_async()
    assert sent(app) == 0


@pytest.mark.parametrize("option", ["link", "link_error"])
def test_a_callback_is_refused_before_the_message_is_sent(app, plain, option):
    for callback in (by_name(app), [plain.s(), by_name(app)], chain(plain.s(), by_name(app))):
        with pytest.raises(TypeError, match=r"is a Boogie task: use delayed\(obj"):
            plain.apply_async(**{option: callback})
    assert sent(app) == 0


def test_arguments_that_look_like_a_signature_are_arguments(app, plain):
    plain.delay({"task": ours.name, "kwargs": {"tasks": [{"task": ours.name}]}})
    plain.apply_async(link=plain.s({"task": ours.name}))
    assert sent(app) == 2


def test_an_entry_of_beat_says_what_to_do(app):
    scheduler = beat.Scheduler(app, lazy=True)
    entry = scheduler.Entry(name="daily", task=ours.name, schedule=1, app=app)
    with pytest.raises(beat.SchedulingError, match=ADVICE):
        scheduler.apply_async(entry)
    assert sent(app) == 0


def test_every_app_is_guarded_once_and_a_patch_of_the_project_is_kept(app):
    tenants = []
    send = celery.Celery.send_task

    def patched(*args, **options):
        tenants.append(args)
        return send(app, *args, **options)

    app.send_task = patched
    guard.install(app)
    guard.install(app)
    assert app.send_task.inner is patched
    app.send_task("unit.guard.unknown")
    assert tenants == [("unit.guard.unknown",)]
    with pytest.raises(TypeError, match=ADVICE):
        app.send_task(ours.name)


def test_apps_are_guarded_when_django_is_ready(app):
    from tests.project.celery import app as project

    assert isinstance(project.send_task, guard.Guard)


def test_doorbells_of_a_guarded_app_are_made_once(app, monkeypatch):
    made = []
    send = bell.send
    monkeypatch.setattr(bell, "send", lambda *args: (made.append(args), send(*args)))
    bells = bell.Doorbells(app)
    with app.connection_for_write() as connection:
        producer = app.amqp.Producer(connection)
        for _ in range(3):
            bells.ring(producer, ours.name, str(uuid.uuid4()), 0, None)
    assert len(made) == 1
    assert sent(app) == 3
