"""What ``unique``, ``unique_by`` and ``debounce`` may be: refused when declared."""

import pytest

from boogie.apps.tasks import BoogieTask, task
from boogie.apps.tasks.enqueue import keys
from boogie.apps.tasks.exceptions import ArgumentError
from tests.support.runs import declared


def plain(obj, since=None, *, form="pdf"):
    pass


def anything(obj, **more):
    pass


@pytest.mark.parametrize(
    ("options", "kind", "problem"),
    [
        ({"unique": "often"}, ValueError, "unique must be 'live' .* not 'often'"),
        ({"unique": 1}, ValueError, "unique must be"),
        ({"unique": True, "unique_by": "since"}, TypeError, "must be a list of names"),
        ({"unique": True, "unique_by": 5}, TypeError, "must be a list of names"),
        ({"unique": True, "unique_by": ["sinse"]}, ValueError, "'sinse', which is no argument"),
        ({"unique": True, "unique_by": ["obj"]}, ValueError, "'obj', which is no argument"),
        ({"unique": True, "unique_by": [1]}, ValueError, "1, which is no argument"),
        ({"unique_by": ["since"]}, TypeError, "unique_by is for tasks that are unique"),
        ({"debounce": 5}, TypeError, "debounce is for tasks that are unique"),
        ({"debounce_max": 5}, TypeError, "nothing without debounce"),
        ({"unique": False, "debounce": 5}, TypeError, "debounce is for tasks that are unique"),
        ({"unique": "live", "debounce": 5}, ValueError, "debounce needs unique='waiting'"),
        ({"unique": True, "debounce": 5}, ValueError, "debounce needs unique='waiting'"),
        ({"unique": "waiting", "debounce": 0}, ValueError, "debounce must be a positive"),
        ({"unique": "waiting", "debounce": True}, ValueError, "debounce must be a positive"),
        ({"unique": "waiting", "debounce": float("inf")}, ValueError, "must be a positive"),
        ({"unique": "waiting", "debounce": "5"}, ValueError, "debounce must be a positive"),
        ({"unique": "waiting", "debounce_max": 5}, TypeError, "nothing without debounce"),
        (
            {"unique": "waiting", "debounce": 5, "debounce_max": 4},
            ValueError,
            r"debounce_max \(4\) must not be less than debounce \(5\)",
        ),
        ({"unique": True, "unique_by": lambda obj: 1}, TypeError, "must take whatever"),
        ({"unique": True, "unique_by": lambda obj, since: 1}, TypeError, "must take whatever"),
        (
            {"unique": True, "unique_by": lambda obj, **more: 1},
            TypeError,
            "must take whatever the task takes",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_declared(options, kind, problem):
    with pytest.raises(kind, match=problem):
        declared(plain, **options)


@pytest.mark.parametrize(
    "options",
    [
        {"unique": False},
        {"unique": "live", "unique_by": ("since", "form")},
        {"unique": "waiting", "unique_by": {"form"}, "debounce": 0.5, "debounce_max": 0.5},
        {"unique": True, "unique_by": lambda obj, *args, **kwargs: 1},
        {"unique": True, "unique_by": lambda obj, since=None, form="pdf": 1},
    ],
)
def test_what_makes_sense_is_declared(options):
    assert (declared(plain, **options).unique_rule is None) == (not options["unique"])


def test_a_function_that_takes_anything_may_be_unique_by_anything():
    assert declared(anything, unique=True, unique_by=["whatever"]).unique_rule


def test_a_class_has_them_as_attributes():
    class Clean(BoogieTask):
        name = "tests.unique_options.Clean"
        unique = "waiting"
        debounce = 5

        def unique_by(self, obj, since=None):
            return f"{self.name} {since}"

        def run(self, obj, since=None):
            pass

    body = task(Clean)
    assert body.unique_rule.mode == "waiting"
    found = keys.values(body.name, body.unique_rule, (None,), (3,), {})
    assert found == "tests.unique_options.Clean 3"


def test_a_value_that_json_has_not_is_refused_by_its_name():
    body = declared(anything, unique=True, unique_by=["what"])
    with pytest.raises(ArgumentError, match="'what' cannot be unique"):
        keys.values(body.name, body.unique_rule, (None,), (), {"what": {1, 2}})


def test_a_key_is_of_text_and_tells_what_json_tells():
    assert keys.digest(False, 1) != keys.digest(False, True) != keys.digest(False, "1")
    assert keys.digest(False, {"a": 1, "b": 2}) == keys.digest(False, {"b": 2, "a": 1})
    assert len(keys.digest(False, None)) == 64


def test_nobody_finds_the_value_of_a_secret_key_by_trying(settings):
    settings.SECRET_KEY = "one"
    first = keys.digest(True, "iban")
    settings.SECRET_KEY = "other"
    assert first != keys.digest(True, "iban") != keys.digest(False, "iban")
