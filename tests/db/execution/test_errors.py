"""Whatever a body raises ends its row, with a readable entry in its history."""

import signal

import pytest
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded
from django.db import IntegrityError, connection, transaction

from boogie.apps.tasks import Task
from tests.project.shop.models import Order, Product
from tests.support.runs import both_worlds, declared, now_due, work

pytestmark = pytest.mark.django_db

THROWN = []


@declared
def throwing(product):
    raise THROWN[0]


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Unreprable(Exception):
    def __repr__(self):
        raise RuntimeError("no words")


class Unpicklable(Exception):
    def __init__(self, one, two):
        super().__init__(one)
        self.hold = lambda: two


class Falsy(Exception):
    def __bool__(self):
        return False


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


WEIRD = {
    "NUL": (ValueError("a\0b"), r"a\x00b"),
    "surrogate": (ValueError("a\ud800b"), r"a\ud800b"),
    "unicode": (ValueError("ünï 🎉"), "ünï 🎉"),
    "str() raises": (Unprintable(), "<the message cannot be made: RuntimeError>"),
    "repr() raises": (Unreprable("text"), "text"),
    "unpicklable": (Unpicklable("one", "two"), "one"),
    "falsy": (Falsy("text"), "text"),
    "no message": (ValueError(), ""),
    "not text": (ValueError({"a": 1}), "{'a': 1}"),
    "several": (KeyError("a", 1), "('a', 1)"),
    "group": (ExceptionGroup("g", [ValueError("x")]), "g (1 sub-exception)"),
    "soft time limit": (SoftTimeLimitExceeded(5), "SoftTimeLimitExceeded(5,)"),
}


@both_worlds
@pytest.mark.parametrize(("exception", "message"), WEIRD.values(), ids=WEIRD.keys())
def test_an_exception_of_any_kind_fails_the_row_and_is_described(run, product, exception, message):
    THROWN[:] = [exception]
    row = run(throwing, product)
    assert row.is_failed
    (error,) = row.errors
    kind = type(exception)
    assert error["type"] == f"{kind.__module__}.{kind.__qualname__}"
    assert error["message"] == message
    assert "in throwing" in error["traceback"]


@both_worlds
def test_a_huge_message_is_cut_in_the_middle(run, product):
    THROWN[:] = [ValueError("a" * 300_000 + "z" * 300_000)]
    message = run(throwing, product).errors[0]["message"]
    assert 99_000 < len(message) <= 100_000
    assert message[0] == "a"
    assert message[-1] == "z"
    assert "500060 characters left out" in message


@pytest.mark.parametrize("exception", [e for e, _ in WEIRD.values()], ids=WEIRD.keys())
def test_call_raises_the_very_exception(product, exception):
    THROWN[:] = [exception]
    with pytest.raises(type(exception)) as caught:
        throwing.call(product)
    assert caught.value is exception


@both_worlds
def test_the_chain_of_exceptions_is_in_the_traceback(run, product):
    def body(product):
        try:
            1 / 0  # noqa: B018
        except ZeroDivisionError as error:
            raise LookupError("outer") from error

    row = run(declared(body), product)
    assert "ZeroDivisionError" in row.errors[0]["traceback"]
    assert row.error == "LookupError: outer"


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_call_is_recorded_and_raised(product, kind):
    THROWN[:] = [kind("now")]
    with pytest.raises(kind):
        throwing.call(product)
    row = Task.objects.get()
    assert row.is_failed
    assert row.errors[0]["type"] == f"builtins.{kind.__name__}"


def test_control_c_during_call_is_recorded(product):
    interrupted = declared(lambda product: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        interrupted.call(product)
    assert Task.objects.get().error == "KeyboardInterrupt"


# --- Celery's own ways to end a run ----------------------------------------------------


@both_worlds
def test_ignore_in_a_body_cancels_the_row(run, product):
    THROWN[:] = [Ignore("nothing to do")]
    row = run(throwing, product)
    assert row.is_cancelled
    assert row.errors == []


def test_call_of_a_body_that_ignores_returns_none(product):
    THROWN[:] = [Ignore()]
    assert throwing.call(product) is None


@both_worlds
def test_reject_in_a_body_fails_the_row(run, product):
    THROWN[:] = [Reject("broken", requeue=False)]
    row = run(throwing, product)
    assert row.is_failed
    assert row.errors[0]["type"] == "celery.exceptions.Reject"


def test_reject_with_requeue_queues_the_row_again(product):
    THROWN[:] = [Reject("later", requeue=True)]
    row = work(throwing.delayed(product))
    assert row.is_queued
    assert row.attempt == 1
    assert len(row.errors) == 1
    THROWN[:] = [ValueError("final")]
    assert work(now_due(row)).attempt == 2


# --- transactions -----------------------------------------------------------------------


def insert_twice(order):
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute("INSERT INTO shop_order (id, note) VALUES (%s, %s)", ["0" * 32, "twice"])


def test_call_in_an_atomic_block_that_the_body_broke_raises_the_original_exception():
    order = Order.objects.create()
    breaking = declared(insert_twice)
    with pytest.raises(IntegrityError), transaction.atomic():
        breaking.call(order)
    assert Task.objects.count() == 0


def test_a_savepoint_that_the_body_broke_and_left_does_not_hinder_call():
    def body(order):
        try:
            with transaction.atomic():
                insert_twice(order)
        except IntegrityError:
            return "caught"

    catching = declared(body)
    with transaction.atomic():
        assert catching.call(Order.objects.create()) == "caught"
    assert Task.objects.get().is_finished


def test_call_in_a_transaction_that_is_rolled_back_leaves_nothing(product):
    noting = declared(lambda product: 1)
    with transaction.atomic():
        noting.call(product)
        transaction.set_rollback(True)
    assert Task.objects.count() == 0
