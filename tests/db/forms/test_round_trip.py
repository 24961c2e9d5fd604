"""A call that a form shows is the call that is sent back, through the codec and HTML."""

import datetime
import decimal
import enum
import uuid
from typing import Any, Literal

import pytest
from django.db.models import IntegerChoices, TextChoices
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boogie.apps.tasks.forms import for_task
from boogie.apps.tasks.serialization import codec
from boogie.apps.tasks.serialization.instances import reference
from tests.project.shop.models import Label, Order, Product, Seat
from tests.support.browser_forms import sent
from tests.support.runs import declared
from tests.unit.test_payloads import TEXT, same

pytestmark = [pytest.mark.once, pytest.mark.django_db]


class Colour(enum.Enum):
    RED = "r"
    BLUE = 2


class Size(TextChoices):
    SMALL = "s", "Rather small"
    LARGE = "l", "Large"


class Level(IntegerChoices):
    LOW = 1
    HIGH = 2


class Row:
    """What a form reads of a row."""

    def __init__(self, *args, **kwargs):
        self.args, self.kwargs = codec.round_trip(codec.pack([args, kwargs], reference))


def taking(annotation, **options):
    """Return a task that takes one argument of this type."""

    def body(product, value):
        pass

    body.__annotations__["value"] = annotation
    return declared(body, **options)


def sent_back(task, *args, **kwargs):
    """Return the call that is made of a form which shows this one, sent as it is."""
    shown = for_task(task, row=Row(*args, **kwargs))
    form = for_task(task, data=sent(f"<form>{shown.as_p()}</form>"))
    assert form.is_valid(), form.errors
    return form.call()


def equal(went, came):
    if isinstance(went, datetime.datetime) and went.tzinfo:
        return came.tzinfo is not None and came == went
    if isinstance(went, list) and isinstance(came, list):
        return len(went) == len(came) and all(map(equal, went, came))
    return same(went, came)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.dates()
    | st.timedeltas()
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
#: What a browser does not send back as it was: the ends of lines, which HTML makes one kind.
LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"))
FILLED = LINES.filter(bool)
DATETIMES = st.datetimes(timezones=st.just(datetime.UTC))
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)

TYPES = {
    "str": (str, FILLED),
    "int": (int, st.integers()),
    "float": (float, FLOATS),
    "bool": (bool, st.booleans()),
    "date": (datetime.date, st.dates()),
    "datetime": (datetime.datetime, DATETIMES),
    "time": (datetime.time, st.times().map(lambda time: time.replace(fold=0))),
    "timedelta": (datetime.timedelta, st.timedeltas()),
    "Decimal": (decimal.Decimal, DECIMALS),
    "UUID": (uuid.UUID, st.uuids()),
    "Literal": (Literal["a", "b", 3, True], st.sampled_from(["a", "b", 3, True])),
    "Literal of look-alikes": (Literal[1, "1", ""], st.sampled_from([1, "1", ""])),
    "Enum": (Colour, st.sampled_from(["r", 2])),
    "TextChoices": (Size, st.sampled_from(["s", "l"])),
    "IntegerChoices": (Level, st.sampled_from([1, 2])),
    "str or None": (str | None, st.none() | FILLED),
    "int or None": (int | None, st.none() | st.integers()),
    "bool or None": (bool | None, st.none() | st.booleans()),
    "date or None": (datetime.date | None, st.none() | st.dates()),
    "Enum or None": (Colour | None, st.none() | st.sampled_from(["r", 2])),
    "Literal with None": (Literal["a", None], st.sampled_from(["a", None])),
    "list of str": (list[str], st.lists(LINES, max_size=4)),
    "list of int": (list[int], st.lists(st.integers(), max_size=4)),
    "list of bool": (list[bool], st.lists(st.booleans(), max_size=4)),
    "list of datetime": (list[datetime.datetime], st.lists(DATETIMES, max_size=3)),
    "list of Choices": (list[Size], st.lists(st.sampled_from(["s", "l"]), max_size=3)),
    "list of str or None": (list[str | None], st.lists(st.none() | LINES, max_size=4)),
    "tuple of floats": (tuple[float, ...], st.lists(FLOATS, max_size=3)),
    "dict": (dict[str, Any], st.dictionaries(TEXT, JSON, max_size=3)),
    "a bare list": (list, st.lists(JSON, max_size=3)),
    "a list of lists": (list[list[int]], st.lists(st.lists(st.integers()), max_size=3)),
    "a union": (int | str, st.integers() | TEXT),
    "Any": (Any, JSON),
    "what cannot be read": ("Nowhere", JSON),
}


@pytest.mark.parametrize(("annotation", "values"), TYPES.values(), ids=TYPES)
def test_a_value_of_each_type_is_sent_back_as_it_was_shown(annotation, values):
    task = taking(annotation)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values)
    def check(value):
        args, kwargs = sent_back(task, value=value)
        assert args == ()
        assert equal(value, kwargs["value"]), (value, kwargs["value"])

    check()


@pytest.mark.parametrize(
    "value",
    [
        10**300,
        -(2**63),
        "null",
        "a\nb",
        " blanks ",
        "<script>",
        {"n": 2**80, "f": 1e22, "z": -0.0},
        [10**400],
    ],
    ids=lambda value: repr(value)[:20],
)
def test_an_awkward_value_of_any_type_is_sent_back_exactly(value):
    kinds = {int: int, str: str, dict: dict, list: list[int]}
    for annotation in (Any, kinds[type(value)]):
        assert same(value, sent_back(taking(annotation), value=value)[1]["value"])


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "UTC"])
def test_a_time_is_shown_in_the_current_zone_where_it_is_clear_and_with_its_offset_elsewhere(zone):
    task = taking(datetime.datetime)
    twice = datetime.datetime(2026, 10, 25, 0, 30, tzinfo=datetime.UTC)  # in Berlin
    with timezone.override(zone):
        for moment in (twice, twice + datetime.timedelta(hours=1), twice.replace(month=7)):
            assert sent_back(task, value=moment)[1]["value"] == moment


def test_an_object_of_any_kind_is_sent_back():
    pen, order = Product.objects.create(name="pen"), Order.objects.create()
    label = Label.objects.create(text="a/b c_d")
    seat = Seat.objects.create(hall="A", number=7)
    for model, obj in ((Product, pen), (Order, order), (Label, label), (Seat, seat)):
        key = list(obj.pk) if model is Seat else obj.pk  # as rows from before have it
        assert sent_back(taking(model), value=key)[1]["value"] == obj
        assert sent_back(taking(model), value=obj)[1]["value"] == obj
        assert sent_back(taking(list[model]), value=[obj, obj])[1]["value"] == [obj, obj]
        assert sent_back(taking(model | None), value=None)[1]["value"] is None
        assert sent_back(taking(Any), value=[obj])[1]["value"] == codec.pack([obj], reference)


# --- whole calls ----------------------------------------------------------------------


def test_arguments_of_every_kind_are_sent_back():
    def body(product, first: int, /, second: str, *more: int, third: bool = False, **others):
        pass

    task = declared(body)
    assert sent_back(task, 1, "b", 3, 4, third=True, z={"deep": [2**70]}) == (
        (1, "b", 3, 4),
        {"third": True, "z": {"deep": [2**70]}},
    )
    assert sent_back(task, 1, "b") == ((1,), {"second": "b", "third": False})


def test_arguments_that_are_gone_are_left_out_and_new_ones_have_their_defaults():
    def body(product, kept: int, new: int = 5, sure: bool = True):
        pass

    assert sent_back(declared(body), kept=1, gone=2) == ((), {"kept": 1, "new": 5, "sure": True})


def test_an_argument_called_as_a_keyword_of_each_is_passed_by_position():
    def body(product, first: int = 1, chunk_size: int = 2, last: int = 3):
        pass

    assert sent_back(declared(body), chunk_size=9) == ((1, 9, 3), {})
