"""System checks: each fires where it must, and is silent where nothing is wrong."""

import sys
from types import SimpleNamespace

import celery
import pytest
from django.core import checks as django_checks
from django.db import connection, models
from django.test import override_settings
from django.test.utils import isolate_apps
from kombu import Queue
from kombu.common import Broadcast

from boogie.apps.tasks import Concurrency, Task, checks, current_app, registry
from boogie.apps.tasks.backend import BoogieBackend
from boogie.apps.tasks.broker import checks as broker_checks
from boogie.apps.tasks.declaration.about import checks as about_checks
from boogie.apps.tasks.functions import checks as functions_checks
from boogie.apps.tasks.serialization import unfit_contexts
from tests.project.blog.models import Post
from tests.support.runs import declared

declared(lambda user: None, priority=4, name="unit.checks.ranked")


def ids(found):
    return [message.id for message in found]


@pytest.fixture
def app(monkeypatch):
    """A Celery app of this test, in use; its configuration is its own."""
    with celery.Celery("checked", set_as_current=False, broker="boogie://") as app:
        monkeypatch.setattr(current_app, "celery_app", lambda: app)
        yield app


@pytest.mark.django_db(databases=["default", "other"])
def test_the_test_project_has_no_problem_of_ours():
    ours = [m for m in django_checks.run_checks() if str(m.id).startswith("boogie_tasks")]
    assert [m for m in ours if m.id != "boogie_tasks.W003"] == []


def test_every_check_is_registered_with_django():
    registered = django_checks.registry.registry.get_checks()
    ours = {
        getattr(module, name)
        for module in (checks, about_checks, functions_checks, broker_checks)
        for name in dir(module)
        if name.startswith("check_")
    }
    assert ours <= set(registered)


@override_settings(BOOGIE_TASKS={"RING_AGIAN": 5})
def test_e001_an_unknown_key():
    (found,) = checks.check_settings()
    assert found.id == "boogie_tasks.E001"
    assert found.level == django_checks.ERROR
    assert "'RING_AGIAN'" in found.msg
    assert "RING_AGAIN" in found.hint


@override_settings(BOOGIE_TASKS=None)
def test_e001_a_value_that_is_no_dict():
    assert ids(checks.check_settings()) == ["boogie_tasks.E001"]


@override_settings(BOOGIE_TASKS={"RING_AGAIN": "soon"})
def test_e002_a_wrong_value():
    (found,) = checks.check_settings()
    assert found.id == "boogie_tasks.E002"
    assert found.level == django_checks.ERROR
    assert "'soon'" in found.msg


@override_settings(BOOGIE_TASKS={"RING_AGAIN": 5, "CELERY_APP": None})
def test_e001_and_e002_are_silent_for_good_settings():
    assert checks.check_settings() == []


@override_settings(BOOGIE_TASKS={"CELERY_APP": "nowhere.at.all"})
def test_e003_a_celery_app_that_cannot_be_imported():
    (found,) = checks.check_celery()
    assert found.id == "boogie_tasks.E003"
    assert found.level == django_checks.ERROR
    assert "nowhere.at.all" in found.msg


@override_settings(BOOGIE_TASKS={"CELERY_APP": "tests.project.celery.app"})
def test_e003_is_silent_for_an_app_that_is_there():
    assert "boogie_tasks.E003" not in ids(checks.check_celery())


@override_settings(BOOGIE_TASKS={"CELERY_APP": 5, "X": 1})
def test_broken_settings_are_reported_once_and_break_no_other_check():
    assert ids(checks.check_settings()) == ["boogie_tasks.E002", "boogie_tasks.E001"]
    assert checks.check_celery() == []


def test_e004_an_entry_of_beat_that_names_one_of_ours(app):
    app.conf.beat_schedule = {
        "daily": {"task": "unit.checks.ranked", "schedule": 60},
        "plain": {"task": "unit.checks.plain", "schedule": 60},
    }
    (found,) = checks.check_celery()
    assert found.id == "boogie_tasks.E004"
    assert found.level == django_checks.ERROR
    assert "'daily'" in found.msg
    assert "unit.checks.ranked" in found.msg
    assert "delayed(obj" in found.hint


def test_w001_no_broker(app):
    app.conf.task_queue_max_priority = 9
    app.conf.broker_url = None
    app.conf.broker_write_url = None
    (found,) = checks.check_celery()
    assert found.id == "boogie_tasks.W001"
    assert found.level == django_checks.WARNING
    assert "boogie://" in found.hint


@pytest.mark.parametrize("url", ["boogie://", "redis://127.0.0.1:1/0"])
def test_w001_is_silent_with_a_broker(app, url):
    app.conf.broker_url = url
    assert checks.check_celery() == []


def test_w002_task_always_eager(app):
    app.conf.task_always_eager = True
    (found,) = checks.check_celery()
    assert found.id == "boogie_tasks.W002"
    assert "call()" in found.hint


def test_w003_priorities_that_rabbitmq_ignores(app):
    app.conf.broker_url = "amqp://127.0.0.1:1//"
    (found,) = checks.check_celery()
    assert found.id == "boogie_tasks.W003"
    assert "unit.checks.ranked" in found.msg
    assert "CELERY_TASK_QUEUE_MAX_PRIORITY" in found.hint


def test_w003_is_silent_if_queues_have_priorities_or_no_task_has_one(app, monkeypatch):
    app.conf.broker_url = "amqp://127.0.0.1:1//"
    app.conf.task_queue_max_priority = 9
    assert checks.check_celery() == []
    app.conf.task_queue_max_priority = None
    monkeypatch.setattr(registry, "_declared", {})
    assert checks.check_celery() == []


@pytest.mark.parametrize(
    ("accepted", "used", "words"),
    [
        (["pickle"], "json", ["x-python-serialize alone", "application/json"]),
        (["json"], "nonsense", []),
        (["nonsense"], "json", ["no such format", "nonsense"]),
        (["pickle"], "nonsense", ["no such format", "nonsense"]),
    ],
)
def test_w005_messages_that_no_worker_reads(app, accepted, used, words):
    app.conf.update(accept_content=accepted, task_serializer=used)
    found = checks.check_celery()
    assert ids(found) == (["boogie_tasks.W005"] if words else [])
    for message in found:
        assert all(word in message.msg for word in words)
        assert "CELERY_ACCEPT_CONTENT" in message.hint


@pytest.mark.parametrize(
    ("accepted", "used"),
    [
        (["json"], "json"),
        (["json"], "pickle"),
        (["application/json"], "json"),
        (["pickle"], "pickle"),
    ],
)
def test_w005_is_silent_where_doorbells_are_read(app, accepted, used):
    app.conf.update(accept_content=accepted, task_serializer=used)
    assert checks.check_celery() == []


GOOD = {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode = WAL;"}


class _Connection:
    def __init__(self, vendor, **options):
        self.vendor = vendor
        self.settings_dict = {"OPTIONS": options}


@pytest.mark.parametrize(
    ("connection", "words"),
    [
        (_Connection("sqlite"), ["write lock", "WAL"]),
        (_Connection("sqlite", **{**GOOD, "transaction_mode": "deferred"}), ["write lock"]),
        (_Connection("sqlite", **{**GOOD, "init_command": "PRAGMA foreign_keys=1"}), ["WAL"]),
    ],
)
def test_w004_sqlite_that_will_be_locked(monkeypatch, connection, words):
    monkeypatch.setattr(checks, "connections", {"default": connection})
    (found,) = checks.check_sqlite()
    assert found.id == "boogie_tasks.W004"
    assert all(word in found.msg for word in words)
    assert "IMMEDIATE" in found.hint
    assert "WAL" in found.hint


@pytest.mark.parametrize(
    "connection",
    [_Connection("sqlite", **GOOD), _Connection("postgresql"), _Connection("mysql")],
)
def test_w004_is_silent_for_good_options_and_other_databases(monkeypatch, connection):
    monkeypatch.setattr(checks, "connections", {"default": connection})
    assert checks.check_sqlite() == []


def test_w004_is_silent_for_the_options_that_its_hint_recommends(monkeypatch):
    recommended = _Connection("sqlite", **checks.SQLITE_OPTIONS)
    monkeypatch.setattr(checks, "connections", {"default": recommended})
    assert checks.check_sqlite() == []


def test_every_id_of_the_checks_has_a_test_here():
    import inspect
    import re

    tested = {name[5:9].upper() for name in globals() if re.match(r"test_[ew]\d{3}_", name)}
    rooms = (checks, about_checks, broker_checks, functions_checks, unfit_contexts)
    sources = "".join(map(inspect.getsource, rooms))
    in_code = set(re.findall(r"boogie_tasks\.([EW]\d{3})", sources))
    assert tested == in_code


class Apart:
    """A router that keeps content types out of the database of the rows."""

    def db_for_write(self, model, **hints):
        return "other" if model._meta.app_label == "boogie_tasks" else None

    def allow_migrate(self, db, app_label, **hints):
        return (db == "other") == (app_label == "boogie_tasks")


class Together(Apart):
    def allow_migrate(self, db, app_label, **hints):
        return app_label == "contenttypes" or super().allow_migrate(db, app_label)


@override_settings(DATABASE_ROUTERS=[Apart()])
def test_e005_a_router_that_parts_rows_from_content_types():
    (found,) = checks.check_router()
    assert found.id == "boogie_tasks.E005"
    assert found.level == django_checks.ERROR
    assert "'other'" in found.msg


@pytest.mark.parametrize("routers", [[], [Together()]])
def test_e005_is_silent_where_content_types_are_beside_the_rows(routers):
    with override_settings(DATABASE_ROUTERS=routers):
        assert checks.check_router() == []


@isolate_apps("tests.project.shop")
def test_e006_a_model_that_inherits_in_a_table_of_its_own(monkeypatch):
    class Export(Task):
        size = models.IntegerField(default=0)

        class Meta:
            app_label = "shop"

    class Shown(Task):
        class Meta:
            app_label = "shop"
            proxy = True

    class Larger(Shown):
        class Meta:
            app_label = "shop"

    monkeypatch.setattr(checks, "apps", Export._meta.apps)
    found = checks.check_children()
    assert ids(found) == ["boogie_tasks.E006"] * 2
    assert [message.obj for message in found] == [Export, Larger]
    assert "shop.Export inherits from boogie_tasks.Task" in found[0].msg


def test_e006_is_silent_about_our_own_models():
    assert checks.check_children() == []


@pytest.mark.parametrize(
    ("model", "expected"), [("blog.User", []), ("blog.Usr", ["boogie_tasks.E007"])]
)
def test_e007_a_task_about_a_model_that_is_not_installed(monkeypatch, model, expected):
    task = declared(lambda user: None)
    monkeypatch.setattr(type(task), "model", model)
    found = checks.check_models()
    assert ids(found) == expected
    assert all(f"{task.name!r} is about 'blog.Usr'" in message.msg for message in found)


def test_e008_an_admin_that_offers_what_is_no_task():
    found = checks.wrong_task_actions(Task, [declared(lambda user: None), len])
    assert ids(found) == ["boogie_tasks.E008"]
    assert "task_actions names <built-in function len>" in found[0].msg


KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.mark.parametrize(("keys", "expected"), [([], ["boogie_tasks.E012"]), ([KEY], [])])
def test_e012_a_task_that_is_to_encrypt_without_a_key(monkeypatch, settings, keys, expected):
    settings.BOOGIE_TASKS = {"ENCRYPTION_KEYS": keys}
    task = declared(lambda user: None)
    monkeypatch.setattr(type(task), "encrypt", True)
    found = checks.check_encryption()
    assert ids(found) == expected
    assert all(f"{task.name!r} says encrypt=True" in message.msg for message in found)
    assert all("ENCRYPTION_KEYS" in message.hint for message in found)


@pytest.mark.parametrize("keys", [["short"], "text", [KEY, 7], {KEY: KEY}])
def test_e002_keys_that_are_none_are_not_told(settings, keys):
    settings.BOOGIE_TASKS = {"ENCRYPTION_KEYS": keys}
    (found,) = checks.check_settings()
    assert found.id == "boogie_tasks.E002"
    assert KEY not in found.msg
    assert "short" not in found.msg


# --- backends of Django Tasks ---------------------------------------------------------


def of_backend(**params):
    path = f"{BoogieBackend.__module__}.BoogieBackend"
    with override_settings(TASKS={"own": {"BACKEND": path, **params}}):
        return functions_checks.check_queues()


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        ("title", None),
        ("author_id", None),
        ("author.username", None),
        ("author.pk", None),
        ("nowhere", "blog.Post has no attribute 'nowhere'"),
        ("author.town", "blog.User has no attribute 'town'"),
        ("title.whatever", None),
    ],
)
def test_e015_a_path_that_no_object_has(monkeypatch, path, missing):
    def body(post: Post):
        pass

    one = declared(body, limits=[Concurrency(1, by=path)])
    monkeypatch.setattr(registry, "declared", lambda: [one])
    found = about_checks.check_limits()
    assert ids(found) == ["boogie_tasks.E015"] * bool(missing)
    if missing:
        assert f"The task {one.name!r} has a limit by {path!r}, and {missing}." == found[0].msg


def test_e015_is_silent_of_a_task_that_says_no_model(monkeypatch):
    one = declared(lambda post: None, limits=[Concurrency(1, by="nowhere")])
    monkeypatch.setattr(registry, "declared", lambda: [one])
    assert about_checks.check_limits() == []


WHY = ("fanout exchange", "remote control", "event_exchange", "remote control")


def test_e014_names_that_are_for_all_on_boogie(app, monkeypatch):
    tasks = [("ranked", None), ("heard", "answers.pidbox"), ("fine", "answers")]
    named = [SimpleNamespace(name=f"unit.checks.{name}", queue=queue) for name, queue in tasks]
    monkeypatch.setattr(registry, "declared", lambda: named)
    app.conf.task_routes = {"unit.checks.ranked": {"queue": "news"}}
    app.conf.task_queues = [Queue("celery"), Broadcast("news")]
    app.conf.task_default_queue = "celeryev"
    backend = {"BACKEND": "boogie.apps.tasks.backend.BoogieBackend", "QUEUES": ["x.pidbox", "fine"]}
    with override_settings(TASKS={"own": backend}):
        found = broker_checks.check_queues()
    assert {(message.id, message.level) for message in found} == {
        ("boogie_tasks.E014", django_checks.ERROR)
    }
    routed, *others = [message.msg.partition(",")[0] for message in found]
    assert routed.startswith("task_routes send the task 'unit.checks.ranked' to the queue 'bcast.")
    assert others == [
        "The task 'unit.checks.heard' names the queue 'answers.pidbox'",
        "task_default_queue is the queue 'celeryev'",
        "TASKS['own'] has the queue 'x.pidbox'",
    ]
    assert [words in one.msg for one, words in zip(found, WHY, strict=True)] == [True] * 4


def test_e014_is_silent_on_a_broker_and_for_other_names(app):
    app.conf.task_default_queue = "celeryev.mine"
    assert [one for one in broker_checks.check_queues() if "default_queue" in one.msg] == []
    app.conf.task_default_queue = "celeryev"
    app.conf.broker_url = "redis://127.0.0.1:1/0"
    assert broker_checks.check_queues() == []


def test_w010_a_queue_that_no_worker_serves(app):
    (message,) = of_backend(QUEUES=["default", "celery", "letters"])
    assert (message.id, message.level) == ("boogie_tasks.W010", django_checks.WARNING)
    assert "'letters' of TASKS['own']" in message.msg
    assert "-Q letters" in message.hint


@pytest.mark.parametrize("as_dict", [False, True])
def test_a_queue_that_is_listed_is_served(app, as_dict):
    app.conf.task_queues = {"letters": {}} if as_dict else [Queue("letters")]
    assert of_backend(QUEUES=["default", "letters"]) == of_backend(QUEUES=[]) == of_backend() == []
    assert ids(of_backend(QUEUES=["celery"])) == ["boogie_tasks.W010"]


def test_queues_of_other_backends_are_not_ours(app):
    other = {"BACKEND": "django.tasks.backends.dummy.DummyBackend", "QUEUES": ["letters"]}
    with override_settings(TASKS={"default": other}):
        assert functions_checks.check_queues() == []


def test_e011_a_backend_without_a_table():
    assert list(BoogieBackend("own", {}).check()) == []
    with override_settings(INSTALLED_APPS=["django.contrib.contenttypes"]):
        (message,) = BoogieBackend("own", {}).check()
    assert (message.id, message.level) == ("boogie_tasks.E011", django_checks.ERROR)
    assert "'boogie.apps.tasks'" in message.hint


def test_w011_options_of_another_backend():
    assert list(BoogieBackend("own", {"OPTIONS": {}}).check()) == []
    (message,) = BoogieBackend("own", {"OPTIONS": {"id_function": "shop.ids.new"}}).check()
    assert (message.id, message.level) == ("boogie_tasks.W011", django_checks.WARNING)
    assert "TASKS['own']['OPTIONS'] has 'id_function'" in message.msg


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Word", None),
        ("NoSuchClass", "cannot be imported"),
        ("function", "is no class"),
        ("NoRestore", "has no method restore"),
        ("WithArguments", "constructor does not go without arguments"),
    ],
)
def test_e010_a_context_that_is_none(name, expected):
    path = f"tests.db.contexts.passengers.{name}"
    with override_settings(BOOGIE_TASKS={"CONTEXTS": [path]}):
        found = checks.check_contexts()
    assert ids(found) == (["boogie_tasks.E010"] if expected else [])
    assert all(repr(path) in message.msg and expected in message.msg for message in found)


TENANT = "boogie.apps.tasks.contexts.Tenant"


def contexts(*paths):
    with override_settings(BOOGIE_TASKS={"CONTEXTS": list(paths)}):
        return checks.check_contexts()


def test_e013_tenants_on_a_database_that_knows_of_no_schemas():
    (message,) = contexts("tests.db.contexts.passengers.Word", TENANT)
    assert (message.id, message.level) == ("boogie_tasks.E013", django_checks.ERROR)
    assert f"names {TENANT!r}, which refuses: DATABASES['default']" in message.msg
    assert "ENGINE is to be 'django_tenants.postgresql_backend'" in message.msg
    assert TENANT in message.hint


def test_e013_tenants_whose_rows_would_lie_in_schemas_of_their_own(monkeypatch):
    monkeypatch.setattr(connection, "schema_name", "public", raising=False)
    assert contexts(TENANT) == []
    with override_settings(TENANT_APPS=["boogie.apps.tasks"]):
        (message,) = contexts(TENANT)
    assert message.id == "boogie_tasks.E013"
    assert "SHARED_APPS alone" in message.msg


def test_e013_a_context_that_wants_what_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "django_tenants.utils", None)
    (message,) = contexts(TENANT)
    assert message.id == "boogie_tasks.E013"
    assert "ModuleNotFoundError" in message.msg
    assert "django_tenants" in message.msg
