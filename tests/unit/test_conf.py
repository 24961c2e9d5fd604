"""Settings are typed and read live."""

from datetime import timedelta

import pytest
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
