"""
Every handler by every permission: who gets which page, and whose post is refused.

A handler names the permissions that it takes; whoever lacks one of them gets 403, and who is not
of the staff is sent to log in. The names come from the URLconf: one that has no line here fails.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import transaction
from django.urls import reverse

from boogie.apps.tasks import Task, urls
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.live import tokens
from boogie.apps.tasks.models import Worker
from boogie.apps.tasks.monitoring.verbs import VERBS
from boogie.apps.tasks.operations import control
from tests.project.blog import tasks
from tests.support.rows import stored

pytestmark = [pytest.mark.once, pytest.mark.django_db(databases=["default"])]

VIEW, CHANGE = "boogie_tasks.view_task", "boogie_tasks.change_task"
ADD, DELETE = "boogie_tasks.add_task", "boogie_tasks.delete_task"
VIEW_USER, CHANGE_USER = "blog.view_user", "blog.change_user"

#: To see something in the admin. As Django has it, who may change things may see them.
SEE, SEE_USERS = "see rows", "see users"
SEEING = {VIEW: SEE, CHANGE: SEE, VIEW_USER: SEE_USERS, CHANGE_USER: SEE_USERS}

#: Every permission that something of ours asks for, and the one of Django that nothing does.
PERMISSIONS = [
    VIEW,
    ADD,
    CHANGE,
    DELETE,
    "boogie_tasks.run_task",
    "boogie_tasks.cancel_task",
    "boogie_tasks.retry_task",
    "boogie_tasks.erase_task",
    CHANGE_USER,
    VIEW_USER,
]

#: What a handler answers that lets somebody in.
SHOWN, SENT = (200,), (302,)
#: Nobody is let in, whatever they may.
NEVER = None


# --- who asks -------------------------------------------------------------------------

#: By name: the permissions, and what else is said of the user.
PEOPLE = {
    "nothing": ([], {}),
    **{f"only {name}": ([name], {}) for name in PERMISSIONS},
    **{f"{VIEW} and {name}": ([VIEW, name], {}) for name in PERMISSIONS if name != VIEW},
    "may start, and sees no rows": ([ADD, CHANGE_USER], {}),
    "all but to see": ([name for name in PERMISSIONS if name not in SEEING], {}),
    "all": (PERMISSIONS, {}),
    "all, and not of the staff": (PERMISSIONS, {"is_staff": False}),
    "all, and inactive": (PERMISSIONS, {"is_active": False}),
    "superuser": ([], {"is_superuser": True}),
    "superuser, inactive": ([], {"is_superuser": True, "is_active": False}),
}


def person(name):
    names, fields = PEOPLE[name]
    user = get_user_model().objects.create_user(name, **{"is_staff": True, **fields})
    for one in names:
        app, codename = one.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    return user


def rights(user):
    """Return what somebody may who can log in: of the staff, or anybody; ``None``: nobody."""
    if user is None or not user.is_active:
        return None
    given = set(PERMISSIONS) if user.is_superuser else user.get_all_permissions()
    return given | {SEEING[name] for name in given if name in SEEING}


# --- what is asked --------------------------------------------------------------------


@dataclass
class Scene:
    """A row in each status that a verb can move, and all else that a URL names."""

    rows: dict
    person: object
    worker: Worker

    @property
    def failed(self):
        return self.rows["failed"]


@pytest.fixture
def scene(db, monkeypatch, settings):
    settings.BOOGIE_TASKS = {"METRICS": True}
    monkeypatch.setattr(control, "is_possible", lambda: True)
    monkeypatch.setattr(control, "shut_down", lambda node: True)
    one = get_user_model().objects.create_user("object", email="a@example.com")
    statuses = ("queued", "paused", "running", "finished", "failed")
    rows = {status: stored(status, one, name=tasks.publish.name) for status in statuses}
    worker = Worker.objects.create(id="a@b/1", seen=Moment(3600), started=Moment(0), pid=1)
    return Scene(rows, one, worker)


@dataclass
class Handler:
    """A request, what it takes, and what it answers to those who have that."""

    name: str
    args: Callable = lambda scene: ()
    query: Callable = lambda scene: {}
    #: What is posted; a handler without is asked by GET.
    data: Callable | None = None
    takes: object = (SEE,)
    answers: tuple = SHOWN
    #: What those get who are not of the staff, or lack something: pages are not told from data.
    outside: tuple = SENT
    #: Whether somebody who is not of the staff is nobody.
    of_staff: bool = True

    def url(self, scene):
        return f"{reverse(self.name, args=self.args(scene))}?{urlencode(self.query(scene))}"

    def expected(self, user):
        may = rights(user)
        if may is None or (self.of_staff and not user.is_staff):
            return self.outside
        if self.takes is NEVER or not set(self.takes) <= may:
            return (403,)
        return self.answers


def _nothing(scene):
    return {}


def _row(status="failed"):
    return lambda scene: (str(scene.rows[status].pk),)


def _chosen(verb, status, confirmed):
    def data(scene):
        keys = {"action": verb, "_selected_action": str(scene.rows[status].pk), "index": "0"}
        return {**keys, **({"post": "yes"} if confirmed else {})}

    return data


def _verbs():
    status_of = {"run": "paused", "retry": "failed", "acknowledge": "failed"}
    for name, verb in VERBS.items():
        takes = (SEE, verb.permission)
        status = status_of.get(name, "queued")
        for confirmed, answers in ((False, SHOWN), (True, SENT)):
            yield (
                f"{name}, {'confirmed' if confirmed else 'asked for'}",
                Handler(LIST, data=_chosen(name, status, confirmed), takes=takes, answers=answers),
            )


def _started(confirmed):
    def data(scene):
        action = f"boogie:{tasks.publish.name}"
        keys = {"action": action, "_selected_action": str(scene.person.pk), "index": "0"}
        return {**keys, **({"post": "yes", **_filled(scene)} if confirmed else {})}

    return data


def _filled(scene):
    """What the form of the task posts."""
    return {"title": "news", "copies": "1", "_when": "now"}


def _shut_down(confirmed):
    more = {"post": "yes"} if confirmed else {}
    return lambda scene: {"action": "shutdown", "worker": scene.worker.pk, **more}


def _hold(action, confirmed, kind="queue"):
    names = {"queue": "slow", "task": tasks.publish.name}
    more = {"post": "yes"} if confirmed else {}
    return lambda scene: {"action": action, "kind": kind, "name": names[kind], **more}


def _holds():
    for action in ("hold", "release"):
        for kind in ("queue", "task"):
            for confirmed, answers in ((False, SHOWN), (True, SENT)):
                yield (
                    f"{action} a {kind}, {'confirmed' if confirmed else 'asked for'}",
                    Handler(
                        WORKERS, data=_hold(action, confirmed, kind), takes=HOLD, answers=answers
                    ),
                )


def _own(scene):
    return (str(scene.person.pk),)


def _start(scene):
    return (str(scene.person.pk), tasks.publish.name)


def _token(scene):
    return {"token": tokens.for_row(scene.failed.pk)}


def _of_row(scene):
    return {"row": str(scene.failed.pk)}


def _of_object(scene):
    return {"object": f"blog.user:{scene.person.pk}"}


LIST = "admin:boogie_tasks_task_changelist"
WORKERS = "admin:boogie_tasks_workers"
USERS = "admin:blog_user_changelist"
SHUT_DOWN = (SEE, VERBS["terminate"].permission)
HOLD = (SEE, VERBS["pause"].permission)
START = (CHANGE_USER, ADD)


def _live(prefix):
    """Return the endpoints of pages that are live; without a token they ask for the permission."""
    to_all = {"takes": (VIEW,), "of_staff": False, "outside": (403,)}
    anybody = {"takes": (), "outside": SHOWN, "of_staff": False}
    state = f"{prefix}state"
    return {
        f"{state} by token": Handler(state, query=_token, **anybody),
        f"{state} by row": Handler(state, query=_of_row, **to_all),
        f"{state} by object": Handler(state, query=_of_object, **to_all),
        f"{state} of nothing": Handler(state, **{**to_all, "takes": NEVER}),
        f"{state}, posted": Handler(
            state, data=_nothing, takes=(), answers=(405,), outside=(405,), of_staff=False
        ),
        # A test is a request under WSGI: no stream.
        f"{prefix}events": Handler(
            f"{prefix}events", query=_of_row, takes=(), answers=(406,), outside=(406,),
            of_staff=False,
        ),
    }  # fmt: skip


HANDLERS = {
    "list": Handler(LIST),
    **dict(_verbs()),
    "dashboard": Handler("admin:boogie_tasks_dashboard"),
    "failures": Handler("admin:boogie_tasks_failures"),
    "workers": Handler(WORKERS),
    "shutdown, asked for": Handler(WORKERS, data=_shut_down(False), takes=SHUT_DOWN),
    "shutdown, confirmed": Handler(WORKERS, data=_shut_down(True), takes=SHUT_DOWN, answers=SENT),
    **dict(_holds()),
    "row": Handler("admin:boogie_tasks_task_change", _row()),
    "row, posted": Handler("admin:boogie_tasks_task_change", _row(), data=_nothing, takes=NEVER),
    "history": Handler("admin:boogie_tasks_task_history", _row()),
    "arguments": Handler(
        "admin:boogie_tasks_task_download", lambda scene: (*_row()(scene), "arguments")
    ),
    "result": Handler(
        "admin:boogie_tasks_task_download", lambda scene: (*_row("finished")(scene), "result")
    ),
    "result, posted": Handler(
        "admin:boogie_tasks_task_download",
        lambda scene: (*_row("finished")(scene), "result"),
        data=_nothing,
        takes=NEVER,
    ),
    "run again": Handler("admin:boogie_tasks_task_again", _row(), takes=(SEE, *START)),
    "run again, confirmed": Handler(
        "admin:boogie_tasks_task_again",
        _row(),
        data=_filled,
        takes=(SEE, *START),
        answers=SENT,
    ),
    "add": Handler("admin:boogie_tasks_task_add", takes=NEVER),
    "add, posted": Handler("admin:boogie_tasks_task_add", data=_nothing, takes=NEVER),
    "delete": Handler("admin:boogie_tasks_task_delete", _row(), takes=(SEE, DELETE)),
    "delete, confirmed": Handler(
        "admin:boogie_tasks_task_delete",
        _row(),
        data=lambda scene: {"post": "yes"},
        takes=(SEE, DELETE),
        answers=SENT,
    ),
    "delete of what runs, confirmed": Handler(
        "admin:boogie_tasks_task_delete",
        _row("running"),
        data=lambda scene: {"post": "yes"},
        takes=NEVER,
    ),
    "objects": Handler(
        "admin:boogie_tasks_objects",
        query=lambda scene: {"app_label": "blog", "model_name": "user", "term": "obj"},
        takes=(SEE_USERS,),
    ),
    "start form": Handler("admin:blog_user_boogie_start", _start, takes=START),
    "start form, confirmed": Handler(
        "admin:blog_user_boogie_start", _start, data=_filled, takes=START, answers=SENT
    ),
    "action": Handler(USERS, data=_started(False), takes=START),
    "action, confirmed": Handler(USERS, data=_started(True), takes=START, answers=SENT),
    **_live("admin:boogie_tasks_"),
    **_live("boogie_tasks:"),
    "metrics": Handler("boogie_tasks:metrics", takes=(VIEW,), outside=(401,), of_staff=False),
    "healthz": Handler(
        "boogie_tasks:healthz", takes=(), answers=(200, 503), outside=(200, 503), of_staff=False
    ),
}


# --- the table ------------------------------------------------------------------------


def names_in_the_urlconf():
    """Return the names of all URLs of ours, as ``reverse`` takes them."""
    ours = admin.site.get_model_admin(Task).get_urls()
    about_users = admin.site.get_model_admin(get_user_model()).get_urls()
    names = {f"admin:{one.name}" for one in ours if one.name}
    names |= {f"admin:{one.name}" for one in about_users if "boogie" in (one.name or "")}
    return names | {f"boogie_tasks:{one.name}" for one in urls.urlpatterns}


def test_every_url_has_a_line_in_the_table():
    assert names_in_the_urlconf() == {one.name for one in HANDLERS.values()} - {USERS}


def test_every_permission_of_the_model_is_asked_about():
    opts = Task._meta
    known = {*opts.default_permissions, *(name for name, _ in opts.permissions)}
    known = {name if "_" in name else f"{name}_task" for name in known}
    assert {f"boogie_tasks.{name}" for name in known} <= set(PERMISSIONS)


@pytest.fixture
def quiet():
    """Refusals are what is expected: nobody needs a line of log for each."""
    logging.disable(logging.ERROR)
    yield
    logging.disable(logging.NOTSET)


def test_every_handler_answers_everybody_as_their_permissions_say(client, scene, quiet):
    people = {"nobody": None, **{name: person(name) for name in PEOPLE}}
    wrong = []
    for who, user in people.items():
        client.logout()
        if user is not None:
            client.force_login(user)
        wrong += [
            f"{who} · {name}: {status}, not {handler.expected(user)}"
            for name, handler in HANDLERS.items()
            if (status := answered(client, handler, scene)) not in handler.expected(user)
        ]
    assert not wrong, "\n".join(wrong)


def answered(client, handler, scene):
    """Ask, undo what it did, and return the status."""
    with transaction.atomic():
        if handler.data is None:
            response = client.get(handler.url(scene))
        else:
            response = client.post(handler.url(scene), handler.data(scene))
        transaction.set_rollback(True)
    return response.status_code
