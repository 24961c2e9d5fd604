"""What may be imported, from where, and how early."""

import importlib
import types

import pytest
from django.apps import apps

import boogie.apps.tasks as front_door
from boogie.apps.tasks import exceptions, models, signals, testing
from tests.house.projects import make_project, python

MODELS = ["Batch", "Message", "Progress", "Schedule", "Task", "Worker"]
#: Tables that nobody imports: what is said on boogie://, what is held back, what dashboards show.
INNER = [
    "Announcement",
    "Dependency",
    "Hold",
    "Limit",
    "Listener",
    "Release",
    "Rollup",
    "Slot",
    "Stand",
    "Watermark",
    "Wipe",
]
SIGNALS = [
    "task_cancelled",
    "task_failed",
    "task_finished",
    "task_paused",
    "task_queued",
    "task_retried",
    "task_started",
]
EXCEPTIONS = [
    "ArgumentError",
    "BoogieTasksError",
    "Expired",
    "LimitReached",
    "NeverEnds",
    "NeverFinished",
    "NotUnique",
    "ObjectGone",
    "ResultError",
    "Superseded",
    "TaskCancelled",
    "TaskFailed",
    "UnknownTask",
    "WorkerLost",
]
#: For tests of projects.
TESTING = [
    *("ANY", "arun_tasks", "assert_made", "assert_not_made"),
    *("freeze", "made", "run_schedules", "run_tasks", "travel"),
]
EVERYTHING = sorted(
    [
        *("BoogieTask", "acheck_cancelled", "batch", "check_cancelled", "progress", "task"),
        *("Concurrency", "Rate", "TaskRelation", "recurring", "track"),
        *MODELS,
        *SIGNALS,
        *EXCEPTIONS,
    ]
)


def test_the_front_door_shows_exactly_this():
    assert sorted(front_door.__all__) == EVERYTHING
    assert sorted(dir(front_door)) == EVERYTHING


def test_the_room_for_tests_shows_exactly_this():
    assert sorted(testing.__all__) == sorted(dir(testing)) == TESTING
    assert all(callable(getattr(testing, name)) for name in TESTING if name != "ANY")
    with pytest.raises(AttributeError, match="has no attribute 'frieze'"):
        testing.frieze  # noqa: B018


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_public_name_can_be_imported_and_is_no_module(name):
    value = getattr(importlib.import_module("boogie.apps.tasks"), name)
    assert not isinstance(value, types.ModuleType)


@pytest.mark.parametrize(
    ("room", "names"), [(models, MODELS), (signals, SIGNALS), (exceptions, EXCEPTIONS)]
)
def test_the_rooms_hold_the_same_objects_under_the_same_names(room, names):
    assert all(getattr(room, name) is getattr(front_door, name) for name in names)


def test_the_rooms_hold_nothing_public_that_the_front_door_lacks():
    assert sorted(signals.__all__) == SIGNALS
    own = [k for k, v in vars(exceptions).items() if isinstance(v, type) and not k.startswith("_")]
    assert sorted(own) == EXCEPTIONS
    tables = [model.__name__ for model in apps.get_app_config("boogie_tasks").get_models()]
    assert sorted([*tables, "Progress"]) == sorted([*MODELS, *INNER])


def test_every_error_has_our_base():
    for name in EXCEPTIONS:
        assert issubclass(getattr(exceptions, name), exceptions.BoogieTasksError)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'tusk'"):
        front_door.tusk  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'tusk'"):
        from boogie.apps.tasks import tusk  # noqa: F401


def test_the_package_is_imported_without_any_settings(tmp_path):
    source = """
        from boogie.apps.tasks import BoogieTask, task, TaskFailed, task_finished
        print(task.__name__, BoogieTask.__name__)
    """
    assert python(source, tmp_path, settings="") == "task BoogieTask\n"


def test_a_task_is_declared_before_django_is_set_up_and_imports_no_model(tmp_path):
    source = """
        import sys

        from boogie.apps.tasks import BoogieTask, task

        @task(queue="slow", priority=5, autoretry_for=[OSError], max_retries=3)
        def early(note):
            return 1

        class Early(BoogieTask):
            def run(self, note):
                return 2

        early_class = Early.as_task()

        from django.apps import apps
        from django.db.models.base import ModelBase

        loaded = sorted(m for m in sys.modules if m.startswith("boogie.apps.tasks."))
        assert "boogie.apps.tasks.declaration.base" in loaded
        assert "boogie.apps.tasks.models" not in loaded, loaded
        assert not apps.ready
        assert not any(
            isinstance(value, ModelBase) and value.__name__ != "Model"
            for name in loaded
            for value in vars(sys.modules[name]).values()
        )
        print(early.name, early_class.name)
    """
    make_project(tmp_path)
    assert python(source, tmp_path) == "__main__.early __main__.Early\n"


def test_the_models_are_loaded_when_they_are_first_asked_for(tmp_path):
    source = """
        import sys

        import django
        import boogie.apps.tasks

        try:
            boogie.apps.tasks.Task
        except django.core.exceptions.AppRegistryNotReady as error:
            print("too early")
        django.setup()
        from boogie.apps.tasks import Task
        print(Task._meta.label)
    """
    make_project(tmp_path)
    assert python(source, tmp_path) == "too early\nboogie_tasks.Task\n"
