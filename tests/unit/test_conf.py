"""Settings are typed and read live."""

import sys
from datetime import timedelta
from types import ModuleType

import pytest
from django.apps import apps
from django.conf import Settings, settings
from django.test import override_settings

from boogie.apps.tasks.conf import Conf, conf

DAY = 86400


def test_every_default_is_fit_for_its_own_setting():
    for name in Conf.names():
        setting = vars(Conf)[name]
        assert setting.kind.accepts(setting.default), name


def test_a_setting_is_read_live():
    assert conf.RING_AGAIN == 60
    with override_settings(BOOGIE_TASKS={"RING_AGAIN": 7}):
        assert conf.RING_AGAIN == 7
    assert conf.RING_AGAIN == 60


def test_without_the_dict_everything_has_its_default(settings):
    del settings.BOOGIE_TASKS
    assert conf.MAX_LOSSES == 3
    assert list(conf.problems()) == []


@override_settings(BOOGIE_TASKS={"CALL_LIMIT": timedelta(hours=1), "HEARTBEAT": 2})
def test_a_time_is_a_number_of_seconds_or_a_timedelta_and_read_as_float():
    assert conf.CALL_LIMIT == 3600.0
    assert isinstance(conf.HEARTBEAT, float)


@override_settings(BOOGIE_TASKS={"RETENTION": {"failed": None, "finished": timedelta(days=1)}})
def test_retention_given_in_part_keeps_the_other_defaults():
    assert conf.RETENTION == {"finished": DAY, "failed": None, "cancelled": 30 * DAY}


def test_a_setting_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError):
        conf.RING_AGIAN  # noqa: B018


WRONG = [
    ("RING_AGAIN", 0),
    ("RING_AGAIN", -1),
    ("RING_AGAIN", "60"),
    ("RING_AGAIN", True),
    ("RING_AGAIN", None),
    ("RING_AGAIN", timedelta(0)),
    ("CALL_LIMIT", float("inf")),
    ("CALL_LIMIT", float("nan")),
    ("CALL_LIMIT", timedelta.max),
    ("RETENTION", {"finished": float("inf")}),
    ("MAX_LOSSES", -1),
    ("MAX_LOSSES", 1.5),
    ("MAX_LOSSES", True),
    ("MAX_LOSSES", None),
    ("MAX_RESULT_SIZE", "10 MB"),
    ("CELERY_APP", ""),
    ("CELERY_APP", 5),
    ("RETENTION", 30),
    ("RETENTION", None),
    ("RETENTION", {"queued": 5}),
    ("RETENTION", {"finished": -5}),
    ("RETENTION", {"finished": "5"}),
    ("CONTEXTS", "proj.contexts.Shop"),
    ("CONTEXTS", ["Shop"]),
    ("CONTEXTS", [5]),
    ("CONTEXTS", None),
    ("TRACE", "child"),
    ("TRACE", None),
    ("TRACE", "or"),
]


@pytest.mark.parametrize(("key", "value"), WRONG, ids=[f"{k}={v!r}" for k, v in WRONG])
def test_a_wrong_value_is_a_problem_of_its_key(key, value):
    with override_settings(BOOGIE_TASKS={key: value}):
        ((where, message),) = conf.problems()
    assert where == key
    assert f"BOOGIE_TASKS[{key!r}] must be " in message
    assert repr(value) in message


RIGHT = [
    ("RING_AGAIN", 0.5),
    ("RING_AGAIN", timedelta(minutes=1)),
    ("CALL_LIMIT", timedelta(days=36_500)),
    ("MAX_LOSSES", 0),
    ("CELERY_APP", None),
    ("CELERY_APP", "tests.project.celery.app"),
    ("RETENTION", {}),
    ("CONTEXTS", []),
    ("CONTEXTS", ("proj.contexts.Shop",)),
    ("TRACE", "parent"),
    ("TRACE", "link"),
    ("RETENTION", {"finished": None, "failed": 1, "cancelled": timedelta(1)}),
]


@pytest.mark.parametrize(("key", "value"), RIGHT, ids=[f"{k}={v!r}" for k, v in RIGHT])
def test_a_right_value_is_no_problem(key, value):
    with override_settings(BOOGIE_TASKS={key: value}):
        assert list(conf.problems()) == []


def test_an_unknown_key_is_a_problem_also_if_it_is_no_text_or_a_name_of_ours():
    for key in ("RING_AGIAN", "ring_again", 5, "problems", "names", "__init__"):
        with override_settings(BOOGIE_TASKS={key: 1}):
            assert list(conf.problems()) == [
                (str(key), f"BOOGIE_TASKS has an unknown key {key!r}.")
            ]


def test_a_dict_that_is_none_is_one_problem():
    with override_settings(BOOGIE_TASKS=[("RING_AGAIN", 5)]):
        assert list(conf.problems()) == [("", "BOOGIE_TASKS must be a dict, not list.")]


def test_two_mistakes_are_two_problems():
    with override_settings(BOOGIE_TASKS={"RING_AGAIN": -1, "X": 1}):
        assert [key for key, _ in conf.problems()] == ["RING_AGAIN", "X"]


KEY = "k" * 43 + "="
FAULTS = [
    ("METRICS_TOKEN", "", "must be text, or None; it is empty."),
    ("METRICS_TOKEN", " ", "must be text, or None; it is empty."),
    ("METRICS_TOKEN", "hunter2\n", "must be text, or None; it has white space around it."),
    ("METRICS_TOKEN", b"hunter2", "must be text, or None, not bytes."),
    ("ENCRYPTION_KEYS", KEY, ", not str."),
    ("ENCRYPTION_KEYS", [KEY, "hunter2"], "; key 2 of 2 has 7 characters, not 44."),
    ("ENCRYPTION_KEYS", (KEY.encode(),), "; key 1 of 1 is bytes, not text."),
    ("ENCRYPTION_KEYS", ["hunter2" * 7], "; key 1 of 1 has 49 characters, not 44."),
    ("ENCRYPTION_KEYS", [KEY, "hunter2!" * 5 + "...="], "2 is no URL-safe base64 of 32 bytes."),
    ("ENCRYPTION_KEYS", [None], "; key 1 of 1 is NoneType, not text."),
]


@pytest.mark.parametrize(("key", "value", "said"), FAULTS)
def test_of_secrets_the_fault_is_told_and_not_the_value(key, value, said):
    with override_settings(BOOGIE_TASKS={key: value}):
        ((at, message),) = conf.problems()
    assert at == key
    assert message.endswith(said)
    assert "hunter2" not in message
    assert KEY not in message


@pytest.fixture
def bare(monkeypatch):
    """Django's settings as read from a module that has no ``BOOGIE_TASKS``."""
    module = ModuleType("bare_settings")
    module.TIME_ZONE = settings.TIME_ZONE  # reading settings sets that of the process
    monkeypatch.setitem(sys.modules, module.__name__, module)
    before = settings._wrapped
    settings._wrapped = Settings(module.__name__)
    yield settings
    settings._wrapped = before


def test_a_project_without_the_dict_gets_none_from_us(bare):
    apps.get_app_config("boogie_tasks").ready()
    assert conf.MAX_LOSSES == 3
    assert list(conf.problems()) == []
    assert not hasattr(bare, "BOOGIE_TASKS")


def test_a_dict_that_comes_later_is_read_and_one_that_goes_is_not(bare):
    assert conf.MAX_LOSSES == 3
    bare.BOOGIE_TASKS = {"MAX_LOSSES": 5}
    assert conf.MAX_LOSSES == 5
    with override_settings(BOOGIE_TASKS={"MAX_LOSSES": 7}):
        assert conf.MAX_LOSSES == 7
    assert conf.MAX_LOSSES == 5
    del bare.BOOGIE_TASKS
    assert conf.MAX_LOSSES == 3


@pytest.mark.parametrize("wrong", [None, [1], "text"])
def test_what_is_no_dict_is_reported_and_nothing_falls_over(bare, wrong):
    bare.BOOGIE_TASKS = wrong
    apps.get_app_config("boogie_tasks").ready()
    assert conf.MAX_LOSSES == 3
    [(key, message)] = conf.problems()
    assert not key
    assert message == f"BOOGIE_TASKS must be a dict, not {type(wrong).__name__}."
