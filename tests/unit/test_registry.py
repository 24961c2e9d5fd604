"""One name, one task; and which Celery app is ours."""

import importlib
import sys
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery import Celery, _state, shared_task
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from boogie.apps.tasks import BoogieTask, current_app, registry, task
from tests.project.blog.tasks import clean_user_posts
from tests.project.celery import app as project_app


def test_a_declared_task_is_found_by_its_name_and_in_celerys_registry():
    @task(name="unit.registry.found")
    def found(user):
        pass

    assert registry.get("unit.registry.found") is found
    assert found in registry.declared()
    assert project_app.tasks["unit.registry.found"] is found
    assert registry.get("unit.registry.never") is None


def test_two_functions_under_one_name_are_refused_and_the_first_stays():
    @task(name="unit.registry.twice")
    def first(user):
        pass

    with pytest.raises(ImproperlyConfigured, match=r"unit\.registry\.twice.*first.*second.*name="):

        @task(name="unit.registry.twice")
        def second(user):
            pass

    assert registry.get("unit.registry.twice") is first
    assert project_app.tasks["unit.registry.twice"] is first


def test_a_function_and_a_class_under_one_name_are_refused():
    @task(name="unit.registry.mixed")
    def function(user):
        pass

    class Other(BoogieTask):
        def run(self, user):
            pass

    with pytest.raises(ImproperlyConfigured):
        Other.as_task(name="unit.registry.mixed")


def test_a_celery_task_of_the_same_name_is_refused():
    @project_app.task(name="unit.registry.foreign")
    def foreign():
        pass

    foreign.name  # noqa: B018 - a lazy task is registered when it is first used
    with pytest.raises(ImproperlyConfigured, match=r"'unit\.registry\.foreign'.*not a Boogie task"):

        @task(name="unit.registry.foreign")
        def ours(user):
            pass

    assert registry.get("unit.registry.foreign") is None
    assert not isinstance(project_app.tasks["unit.registry.foreign"], BoogieTask)


def test_a_shared_task_of_the_same_name_is_refused():
    @shared_task(name="unit.registry.shared")
    def shared():
        pass

    assert shared.name == "unit.registry.shared"
    with pytest.raises(ImproperlyConfigured):

        @task(name="unit.registry.shared")
        def ours(user):
            pass


def test_a_module_that_is_imported_again_is_fine(tmp_path, monkeypatch):
    source = (
        "from boogie.apps.tasks import BoogieTask, task\n"
        "@task\ndef reloaded(user): return {n}\n"
        "@task\nclass Reloaded(BoogieTask):\n    def run(self, user): return {n}\n"
    )
    path = tmp_path / "reloaded_tasks.py"
    path.write_text(source.format(n=1))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = importlib.import_module("reloaded_tasks")
    old = module.reloaded
    path.write_text(source.format(n=22))
    importlib.reload(module)
    assert module.reloaded is not old
    for name, new in (("reloaded", module.reloaded), ("Reloaded", module.Reloaded)):
        assert registry.get(f"reloaded_tasks.{name}") is new
        assert project_app.tasks[f"reloaded_tasks.{name}"] is new
        assert new(None) == 22


def test_a_module_that_is_imported_again_after_a_line_was_inserted_is_fine(tmp_path, monkeypatch):
    source = "from boogie.apps.tasks import task\n@task\ndef moved(user): return 1\n"
    path = tmp_path / "moved_tasks.py"
    path.write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    module = importlib.import_module("moved_tasks")
    path.write_text(f"# a line\n{source}")
    importlib.reload(module)
    assert registry.get("moved_tasks.moved") is module.moved
    path.write_text(f"# a line\n{source}@task\ndef moved(user): return 2\n")
    with pytest.raises(ImproperlyConfigured, match=r"Two tasks are named 'moved_tasks\.moved'"):
        importlib.reload(module)


def test_a_cell_of_a_notebook_may_be_changed_and_run_again(monkeypatch):
    monkeypatch.setitem(sys.modules, "notebook", types.ModuleType("notebook"))
    cell = "from boogie.apps.tasks import task\n@task\ndef noted(user): return {n}\n"
    for n in (1, 2):
        scope = {"__name__": "notebook"}
        exec(compile("\n" * n + cell.format(n=n), f"<cell {n}>", "exec"), scope)
        assert registry.get("notebook.noted") is scope["noted"]
        assert scope["noted"](None) == n


def test_an_app_made_later_gets_the_tasks_declared_before():
    @task(name="unit.registry.early")
    def early(user):
        pass

    with Celery("late", set_as_current=False) as late:
        late.finalize()
        assert late.tasks["unit.registry.early"] is early


@pytest.fixture
def shipped_app(monkeypatch):
    """The app that we ship; importing it makes it the current one, as Celery has it."""
    monkeypatch.setattr(_state._tls, "current_app", _state._tls.current_app)
    monkeypatch.setattr(_state, "default_app", _state.default_app)
    from boogie.apps.tasks.celery import app

    project_app.set_current()
    project_app.set_default()
    return app


def test_the_projects_current_app_is_used():
    assert current_app.celery_app() is project_app


def test_another_thread_uses_the_same_app():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(current_app.celery_app).result() is project_app


@override_settings(BOOGIE_TASKS={"CELERY_APP": "boogie.apps.tasks.celery.app"})
def test_the_app_named_in_the_settings_comes_first(shipped_app):
    assert current_app.celery_app() is shipped_app


def test_without_a_current_app_the_shipped_one_is_used(shipped_app, monkeypatch):
    monkeypatch.setattr(_state._tls, "current_app", None)
    monkeypatch.setattr(_state, "default_app", None)
    assert current_app.celery_app() is shipped_app


@pytest.mark.parametrize(
    "path", ["nowhere.celery.app", "tests.project.celery.nothing", "tests.project.settings.NAME"]
)
def test_a_path_that_names_no_celery_app_is_improperly_configured(path):
    with (
        override_settings(BOOGIE_TASKS={"CELERY_APP": path}),
        pytest.raises(ImproperlyConfigured, match=f"'{path}'"),
    ):
        current_app.celery_app()


def test_an_app_that_is_finalized_later_does_not_take_the_tasks_from_the_one_in_use():
    project_app.finalize()  # as whatever makes or runs a row does
    assert clean_user_posts.app is current_app.celery_app()
    other = Celery("passing by", set_as_current=False)
    try:
        other.finalize()
        assert other.tasks[clean_user_posts.name] is clean_user_posts
        assert clean_user_posts.app is current_app.celery_app()
    finally:
        other.close()


# --- settings of Celery's ---------------------------------------------------------------


@pytest.fixture
def app():
    app = Celery("settings", set_as_current=False, broker="redis://here/0")
    yield app
    app.close()


def test_a_setting_is_what_celery_says_whenever_that_changes(app, monkeypatch):
    def url():
        assert current_app.setting(app, "broker_write_url") == app.conf.broker_write_url
        return current_app.setting(app, "broker_write_url")

    assert url() == "redis://here/0"
    app.conf.broker_url = "redis://there/0"
    assert url() == "redis://there/0"
    app.conf.broker_url = "redis://here/1"
    assert url() == "redis://here/1"
    app.conf.update(broker_write_url="redis://write/0")
    assert url() == "redis://write/0"
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", "redis://env/0")
    assert url() == "redis://env/0"
    monkeypatch.delenv("CELERY_BROKER_WRITE_URL")
    app.conf.changes.pop("broker_write_url")
    assert url() == "redis://here/1"


@pytest.fixture
def configured():
    """An app that is configured by Django's settings, under a prefix of the project's choice."""

    def configure(namespace):
        app = Celery("configured", set_as_current=False)
        app.config_from_object("django.conf:settings", namespace=namespace)
        assert app.conf.task_always_eager is False  # now it has read them
        return app

    return configure


#: Celery reads every setting there is, some of which newer Djangos warn of.
reads_every_setting = pytest.mark.filterwarnings("ignore:The EMAIL_")


@reads_every_setting
@pytest.mark.parametrize("namespace", ["CELERY", "QUEUES"])
def test_a_setting_that_a_test_overrides_is_noticed(configured, namespace):
    app = configured(namespace)
    assert current_app.setting(app, "task_always_eager") is False
    with override_settings(**{f"{namespace}_TASK_ALWAYS_EAGER": True}):
        assert current_app.setting(app, "task_always_eager") is True
    assert current_app.setting(app, "task_always_eager") is False


@reads_every_setting
def test_a_setting_that_is_assigned_is_noticed(configured, monkeypatch):
    app = configured("CELERY")
    assert current_app.setting(app, "task_always_eager") is False
    monkeypatch.setattr(settings, "CELERY_TASK_ALWAYS_EAGER", True, raising=False)
    assert current_app.setting(app, "task_always_eager") is True


@reads_every_setting
def test_the_queue_of_a_name_is_another_when_the_default_queue_is(configured):
    app = configured("CELERY")
    for queue in ("first", "second"):
        with override_settings(CELERY_TASK_DEFAULT_QUEUE=queue):
            assert current_app.routed_queue(app, "some.task") == queue


def test_two_apps_have_settings_of_their_own(app):
    other = Celery("other", set_as_current=False, broker="redis://other/0")
    for _ in range(2):
        assert current_app.setting(app, "broker_write_url") == "redis://here/0"
        assert current_app.setting(other, "broker_write_url") == "redis://other/0"
    app.config_from_object({"broker_url": "redis://configured/0"}, force=True)
    assert current_app.setting(app, "broker_write_url") == app.conf.broker_write_url
    other.close()


def test_two_classes_of_one_name_are_refused(tmp_path, monkeypatch):
    one = "@task\nclass Twice(BoogieTask):\n    def run(self, user): return {n}\n"
    source = f"from boogie.apps.tasks import BoogieTask, task\n{one}{one}"
    (tmp_path / "twice_tasks.py").write_text(source.format(n=1))
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImproperlyConfigured, match=r"Two tasks are named 'twice_tasks\.Twice'"):
        importlib.import_module("twice_tasks")


def test_one_class_is_one_task_unless_it_is_named_twice():
    class Export(BoogieTask):
        def run(self, user):
            return user

    name = "unit.registry.export"
    fast = Export.as_task(name=name, queue="fast")
    with pytest.raises(ImproperlyConfigured, match=r"other options already: \{'queue': 'fast'\}"):
        Export.as_task(name=name, queue="slow")
    assert registry.get(name) is fast
    assert registry.get(name).queue == "fast"
    assert Export.as_task(name=f"{name}.slow", queue="slow").queue == "slow"
    assert Export.as_task(name=name, queue="fast").queue == "fast"
