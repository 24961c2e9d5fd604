"""What travels as JSON comes back as it went, or is refused before a row exists."""

import collections
import datetime
import decimal
import enum
import itertools
import math
import uuid
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict
from django.test import override_settings
from django.utils.datastructures import MultiValueDict
from django.utils.functional import SimpleLazyObject
from hypothesis import given
from hypothesis import strategies as st

from boogie.apps.tasks import ArgumentError, ResultError
from boogie.apps.tasks.serialization import codec, payloads, references
from tests.project.blog.models import User
from tests.support.runs import declared

PACK = declared(lambda obj, first=None, second=None, *more, **extra: None, name="shop.pack")

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.binary()
    | st.datetimes(timezones=st.none() | st.just(datetime.UTC))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.uuids()
    | st.decimals(allow_nan=False, allow_infinity=False)
)
GOOD = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(TEXT, inner, max_size=4)
    ),
    max_leaves=12,
)
WILD = st.recursive(
    SCALARS
    | st.floats()
    | st.text()
    | st.complex_numbers()
    | st.fractions()
    | st.timedeltas()
    | st.decimals()
    | st.datetimes(timezones=st.none() | st.timezones())
    | st.times(timezones=st.none() | st.timezones())
    | st.frozensets(st.integers(), max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text() | st.integers() | st.none(), inner, max_size=3)
        | st.fixed_dictionaries({"__type__": st.text(), "__value__": inner})
    ),
    max_leaves=8,
)


def same(went, came):
    """Equal, of the same type, in every leaf; a tuple comes as a list."""
    if isinstance(went, list | tuple):
        return type(came) is list and len(came) == len(went) and all(map(same, went, came))
    if isinstance(went, dict):
        return (
            type(came) is dict
            and came.keys() == went.keys()
            and all(same(went[key], came[key]) for key in went)
        )
    if isinstance(went, float):
        return type(came) is float and repr(came) == repr(went)
    if isinstance(went, datetime.datetime | datetime.time):
        # With an offset nothing is ambiguous.
        is_meant = came.tzinfo is not None or came.fold == went.fold
        is_aware = (came.tzinfo is None) == (went.tzinfo is None)
        same_type = type(came) is type(went) and is_aware and is_meant
        return same_type and came.isoformat() == went.isoformat()
    return type(came) is type(went) and came == went


@given(GOOD)
def test_whatever_is_promised_is_accepted_and_comes_back_as_it_went(value):
    assert same(value, codec.round_trip(codec.pack(value)))


@given(WILD)
def test_whatever_is_accepted_comes_back_as_it_went(value):
    try:
        packed = codec.pack(value)
    except codec.Unfit:
        return
    assert same(value, codec.round_trip(packed))


@given(WILD)
def test_packed_data_is_packed_to_the_same_text_again_or_refused(value):
    """A row's arguments are read, changed by ``retry()`` and written again."""
    try:
        text = codec.to_json(codec.pack(value))
    except codec.Unfit:
        return
    came = codec.round_trip(codec.pack(value))
    assert codec.to_json(codec.pack(came)) == text


def self_containing():
    value = []
    value.append({"again": value})
    return value


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


class Elsewhere(dict):
    """Keeps its values where a dict does not."""

    kept = {"a": 1}

    def __iter__(self):
        return iter(self.kept)

    def __getitem__(self, key):
        return self.kept[key]


class Half(dict):
    """Tells of the half of what it holds."""

    def __iter__(self):
        return itertools.islice(super().__iter__(), len(self) // 2)


class Sorted(dict):
    """Tells all, in an order of its own."""

    def __iter__(self):
        return iter(sorted(super().keys()))

    def items(self):
        return [(key, self[key]) for key in self]


Point = collections.namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = "red"


REFUSED = {
    "a QueryDict": QueryDict("a=1&a=2"),
    "a MultiValueDict": MultiValueDict({"a": [1, 2]}),
    "a dict that holds nothing itself": Elsewhere(),
    "a dict that tells the half": Half(a=1, b=2),
    "NaN": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "NUL": "a\0b",
    "lone surrogate": "a\ud800",
    "integer key": {1: "x"},
    "None key": {None: "x"},
    "bool key": {True: "x"},
    "tuple key": {(1, 2): "x"},
    "NUL in a key": {"a\0": 1},
    "surrogate in a key": {"\udfff": 1},
    "set": {1, 2},
    "frozenset": frozenset([1]),
    "object": object(),
    "function": len,
    "class": int,
    "module": math,
    "time in a zone of many offsets": datetime.time(2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
    "complex": 1j,
    "subclass of timedelta": type("Longer", (datetime.timedelta,), {})(1),
    "generator": (n for n in ()),
    "enum": Colour.RED,
    "decimal NaN": decimal.Decimal("NaN"),
    "signalling decimal NaN": decimal.Decimal("sNaN"),
    "bytearray": bytearray(b"x"),
    "exception": ValueError("x"),
    "integer of 5000 digits": 10**5000,
    "dict that JSON decodes": {"__type__": "uuid", "__value__": "x"},
    "dict that might be decoded": {"__type__": "unheard of", "__value__": 1},
    "self-containing list": self_containing(),
    "nested 100,000 deep": nested(100_000),
}


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("wrap", [lambda v: v, lambda v: [0, {"k": (v,)}]], ids=["bare", "inside"])
def test_what_would_not_come_back_is_refused(value, wrap):
    with pytest.raises(ArgumentError, match=r"^shop\.pack: argument 'extra' would not come back"):
        payloads.pack_arguments(PACK, (), {"extra": wrap(value)})


@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
def test_a_result_that_would_not_come_back_is_refused_with_advice(value):
    with pytest.raises(ResultError, match=rf"{type(value).__name__} .*serialize_result"):
        payloads.pack_result("shop.pack", value)


def test_a_refusal_says_where_in_the_argument():
    with pytest.raises(ArgumentError, match=r"argument 'second' .* at \[1\]\['b'\] the float nan"):
        payloads.pack_arguments(PACK, (0, [0, {"b": math.nan}]), {})


def test_an_instance_that_was_never_saved_is_refused():
    with pytest.raises(ArgumentError, match=r"argument 'first' .* the User was never saved"):
        payloads.pack_arguments(PACK, (User(pk=1),), {})
    with pytest.raises(ArgumentError, match=r"argument 'first' .* at \[0\] the User was never"):
        payloads.pack_arguments(PACK, ([User(pk=1)],), {})


def test_a_result_may_be_no_instance():
    with pytest.raises(ResultError, match=r"JSON would not bring back a User\. Return JSON-comp"):
        payloads.pack_result("shop.pack", User(pk=1))


def test_an_argument_error_is_a_value_error():
    assert issubclass(ArgumentError, ValueError)


@pytest.mark.parametrize(
    "value",
    [
        1e22,
        -0.0,
        1e15,
        5e-324,
        1.7976931348623157e308,
        0.1,
        2**70,
        "ünïcode 🎉",
        b"\x00\xff",
        decimal.Decimal("1.10"),
        uuid.UUID(int=7),
        datetime.datetime(2024, 2, 29, 1, 2, 3, 4),
        datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC),
        datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(minutes=-210))),
        datetime.date(1, 1, 1),
        datetime.time(23, 59, 59, 999999),
        datetime.datetime(2026, 10, 25, 2, 30, fold=1),
        datetime.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1),
        datetime.datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime.time(2, 30, fold=1),
        datetime.timedelta(days=-1, seconds=1, microseconds=999999),
        datetime.timedelta.max,
        {"__type__": "uuid"},
        {"__type__": "uuid", "__value__": 1, "more": 2},
        [],
        {},
        "",
    ],
    ids=repr,
)
def test_an_awkward_value_comes_back_as_it_went(value):
    assert same(value, codec.round_trip(codec.pack(value)))


@pytest.mark.parametrize(
    "given",
    [
        collections.OrderedDict(b=1, a=2),
        collections.defaultdict(list, a=[1]),
        collections.Counter("abb"),
        Sorted(b=[1], a={}),
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_dict_of_another_class_that_tells_all_arrives_as_a_dict(given):
    assert same(dict(given.items()), codec.round_trip(codec.pack(given)))


@pytest.mark.parametrize("behind", ["text", {"a": 1}, [1, 2], 5, 1.5, None], ids=repr)
def test_a_lazy_value_arrives_as_what_is_behind_it(behind):
    assert same(behind, codec.round_trip(codec.pack(SimpleLazyObject(lambda: behind))))
    with pytest.raises(codec.Unfit, match="a set"):
        codec.pack(SimpleLazyObject(lambda: {1}))


def test_tuples_and_named_tuples_arrive_as_lists():
    assert codec.round_trip(codec.pack((1, (2, Point(3, 4))))) == [1, [2, [3, 4]]]


@override_settings(BOOGIE_TASKS={"MAX_ARGUMENTS_SIZE": 100})
def test_arguments_up_to_the_limit_are_accepted_and_one_byte_more_is_refused():
    frame = len('[["", 1], {}]')
    payloads.pack_arguments(PACK, ("x" * (100 - frame), 1), {})
    with pytest.raises(ArgumentError, match=r"101 bytes .* MAX_ARGUMENTS_SIZE \(100\)"):
        payloads.pack_arguments(PACK, ("x" * (101 - frame), 1), {})


def _calls():
    bound = declared(lambda self, obj, word, *words: None, bind=True)
    anything = declared(lambda *args: None)
    retried = declared(lambda obj, word: None, autoretry_for=(ValueError,))
    return {
        "the first": (PACK, (len,), "first"),
        "one of *more": (PACK, (1, 2, 3, len), "more[1]"),
        "of a bound function": (bound, (len,), "word"),
        "one of *words": (bound, ("a", "b", len), "words[1]"),
        "one of *args": (anything, (len,), "args[1]"),
        "of one with autoretry": (retried, (len,), "word"),
    }


@pytest.mark.parametrize(("task", "args", "name"), _calls().values(), ids=_calls())
def test_a_refusal_names_the_parameter(task, args, name):
    with pytest.raises(ArgumentError) as refused:
        payloads.pack_arguments(task, args, {})
    assert f"argument {name!r} would not come back" in str(refused.value)


@override_settings(BOOGIE_TASKS={"MAX_ARGUMENTS_SIZE": 100})
@pytest.mark.parametrize(
    ("args", "kwargs", "name"),
    [(("x" * 50, "x" * 60), {}, "second"), (("x" * 50,), {"data": "x" * 60}, "data")],
)
def test_a_refused_size_names_the_largest_argument(args, kwargs, name):
    with pytest.raises(ArgumentError, match=f"the largest is '{name}' with 62"):
        payloads.pack_arguments(PACK, args, kwargs)


@override_settings(BOOGIE_TASKS={"MAX_RESULT_SIZE": 10})
def test_a_result_over_the_limit_is_refused():
    assert payloads.pack_result("t", "12345678") == "12345678"
    with pytest.raises(ResultError, match=r"a str of 11 bytes .*MAX_RESULT_SIZE.*serialize_result"):
        payloads.pack_result("t", "123456789")


@pytest.mark.parametrize("thing", [None, 5, "user", object(), [User(pk=1)]], ids=repr)
def test_what_is_no_model_instance_is_a_type_error_that_names_task_and_type(thing):
    with pytest.raises(TypeError, match=rf"^blog\.t: .*model instance.*{type(thing).__name__}"):
        references.check_object("blog.t", thing)


def test_a_model_class_in_place_of_an_instance_is_a_type_error():
    with pytest.raises(TypeError, match=r"the class .*User"):
        references.check_object("blog.t", User)


@pytest.mark.parametrize("user", [User(), User(pk=3), SimpleLazyObject(User)], ids=repr)
def test_an_unsaved_instance_is_refused(user):
    with pytest.raises(ValueError, match=r"blog\.t: the User was never saved"):
        references.check_object("blog.t", user)


@pytest.mark.parametrize("name", ["a\0", "a\ud800"])
def test_the_name_of_an_argument_is_a_text_that_can_be_stored(name):
    with pytest.raises(ArgumentError, match=r"shop\.pack: an argument is called 'a"):
        payloads.pack_arguments(PACK, (), {name: 1})
    assert payloads.pack_arguments(PACK, (), {"any thing": 1}) == ([], {"any thing": 1})
