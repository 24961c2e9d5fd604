"""``sensitive``: values that are shown nowhere, whichever way they come into a text."""

import datetime
import enum
import json
import logging
import uuid
from contextlib import suppress
from decimal import Decimal
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from django.core.serializers.json import DjangoJSONEncoder

from boogie.apps.tasks import ArgumentError, BoogieTask, Task, progress
from boogie.apps.tasks.serialization import codec, secrets
from tests.project.shop.models import Product
from tests.support.runs import both_worlds, by_worker, declared, now_due, work

pytestmark = pytest.mark.django_db(transaction=True)

logger = logging.getLogger(__name__)

TOKEN = "s3cr et/ü'\"\\"
DEFAULT = "the-default-secret"


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


class NeedsMoreError(Exception):
    """An error that cannot be made of a text alone."""

    def __init__(self, code, text):
        super().__init__(code, text)
        self.text = text

    def __str__(self):
        return f"{self.args[0]}: {self.text}"


WAYS = {
    "plain": lambda token: ValueError(f"no {token}"),
    "quoted": lambda token: KeyError(token),
    "nested": lambda token: ValueError({"tokens": [token]}),
    "json": lambda token: ValueError(json.dumps({"token": token})),
    "url": lambda token: ValueError(f"https://host/?token={quote(token, safe='')}"),
    "bytes": lambda token: ValueError(str(token.encode())),
    "attributes": lambda token: NeedsMoreError(7, token),
}


def body(product, token=DEFAULT, way="plain"):
    raise WAYS[way](token)


plain = declared(body, sensitive=["token"])


@both_worlds
@pytest.mark.parametrize("way", WAYS)
def test_stored_errors_and_the_log_of_celery_are_masked(pen, caplog, run, way):
    caplog.set_level(logging.INFO)
    row = run(plain, pen, TOKEN, way=way)
    (error,) = row.errors
    said = [record.getMessage() + str(record.exc_text) for record in caplog.records]
    extra = [str(vars(record).get("data")) for record in caplog.records]
    for text in (error["message"], error["traceback"], row.error, *said, *extra):
        assert "s3cr" not in text
    assert secrets.MASK in error["message"]


@both_worlds
def test_a_default_that_nobody_gave_is_masked_as_well(pen, caplog, run):
    row = run(plain, pen)
    assert row.errors[0]["message"] == f"no {secrets.MASK}"
    assert DEFAULT not in caplog.text


def test_the_class_of_an_error_stays_in_the_log(pen, caplog):
    by_worker(plain, pen, TOKEN)
    assert f"ValueError: no {secrets.MASK}" in caplog.text


def test_a_retry_is_logged_without_it(pen, caplog):
    caplog.set_level(logging.INFO)

    def again(self, product, token):
        if self.row.attempt == 1:
            raise self.retry(exc=ValueError(token), countdown=0)
        return {"echo": token}

    task = declared(again, bind=True, sensitive=["token"])
    row = task.delayed(pen, TOKEN)
    work(row)
    assert "s3cr" not in json.dumps(row.errors)
    assert work(now_due(row)).is_finished
    assert "finished after" in caplog.text
    assert "s3cr" not in caplog.text


def test_what_an_argument_of_many_holds_is_masked(pen):
    def many(product, *tokens, **more):
        raise ValueError(f"{tokens[1]} {more['pin']}")

    task = declared(many, sensitive=["tokens", "pin"])
    row = by_worker(task, pen, "first-one", "second-one", pin="third-one")
    assert row.errors[0]["message"] == f"{secrets.MASK} {secrets.MASK}"


class Shape(enum.Enum):
    SQUARE = "hunter-two"


MOMENT = datetime.datetime(2019, 3, 17, 13, 37, 42, 123456)
ZONED = MOMENT.replace(tzinfo=datetime.UTC)
TYPED = [
    MOMENT,
    ZONED,
    ZONED.astimezone(ZoneInfo("Asia/Kolkata")),
    MOMENT.date(),
    MOMENT.time(),
    ZONED.timetz(),
    datetime.timedelta(days=1337, seconds=4242, microseconds=17),
    Decimal("1337.4200"),
    uuid.UUID("0193f4a2-1337-4242-8888-123456789abc"),
    b"hunter\xff\x00two",
    1337.4242,
    13374242,
]
PARTS = ["2019", "17, 13", "13, 37", "13:37", "1337", "4242", "hunter", "aHVudGVy", "68756e"]


WRITTEN = [
    lambda one: one.isoformat() if hasattr(one, "isoformat") else "",
    lambda one: one.hex if isinstance(one, uuid.UUID) else "",
    lambda one: json.dumps(one, cls=DjangoJSONEncoder),
    lambda one: json.dumps(codec.tree(codec.pack(one))) if isinstance(one, bytes) else "",
]
IN = {"alone": lambda value: value, "held": lambda value: {"a": [value]}}


@both_worlds
@pytest.mark.parametrize("value", TYPED, ids=repr)
@pytest.mark.parametrize("around", IN)
def test_no_type_that_travels_can_be_read_by_the_forms_it_is_shown_in(
    pen, caplog, run, value, around
):
    caplog.set_level(logging.INFO)

    def shows(product, token):
        inner = token["a"][0] if around == "held" else token
        said = []
        for form in (repr, str, lambda one: str([one]), *WRITTEN):
            with suppress(TypeError, ValueError):
                said.append(form(inner))
        logger.info("it is %r: %s", inner, said)
        progress(1, 2, repr(inner))
        raise LookupError(inner, *said)

    row = run(declared(shows, sensitive=["token"], log="INFO"), pen, IN[around](value))
    (error,) = row.errors
    assert error["type"] == "builtins.LookupError"
    kept = [line["message"] for line in row.log]
    texts = [error["message"], error["traceback"].partition("LookupError")[2], *kept]
    for text in (*texts, row.progress.note):
        assert secrets.MASK in text
        for part in PARTS:
            assert part not in text


def test_the_forms_of_an_enumeration_are_hidden():
    task = declared(lambda product, token: None, sensitive=["token"])
    hidden = secrets.hidden(task, [None, {"a": Shape.SQUARE}], {})
    for shown in (repr, str, lambda one: one.value):
        assert secrets.masked(shown(Shape.SQUARE), hidden) == secrets.MASK


def test_an_error_of_a_hook_before_the_body_is_masked(pen):
    class Careful(BoogieTask):
        def before_start(self, task_id, args, kwargs):
            raise ValueError(f"not {args[1]}")

        def run(self, product, token):
            pass

    task = declared_class(Careful)
    row = by_worker(task, pen, TOKEN)
    assert row.errors[0]["message"] == f"not {secrets.MASK}"


def declared_class(cls):
    return cls.as_task(name="tests.sensitive.careful", sensitive=["token"])


def test_the_caller_and_hooks_get_the_error_itself(pen):
    with pytest.raises(ValueError, match="no s3cr"):
        plain.call(pen, TOKEN)
    assert Task.objects.get().errors[0]["message"] == f"no {secrets.MASK}"


@pytest.mark.parametrize("value", [float("nan"), {7: "hunter2"}, {"a": {3.5: "hunter2"}}])
def test_a_refusal_does_not_quote_it(pen, value):
    with pytest.raises(ArgumentError, match="'token'") as caught:
        plain.delayed(pen, value)
    for part in ("hunter2", "nan", "3.5"):
        assert part not in str(caught.value)


def test_a_refusal_of_another_argument_says_why(pen):
    with pytest.raises(ArgumentError, match="the float nan"):
        plain.delayed(pen, TOKEN, way=float("nan"))


def test_tasks_without_such_arguments_log_as_ever(pen, caplog):
    by_worker(declared(body), pen, TOKEN)
    assert "s3cr" in caplog.text


def test_what_takes_all_other_arguments_is_none_itself():
    def body(product, *more, **others):
        """What is in ``others`` has names of its own."""

    with pytest.raises(ValueError, match="sensitive names 'others', which is no argument"):
        declared(body, sensitive=["others"])
    declared(body, sensitive=["more", "anything"])
