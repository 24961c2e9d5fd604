"""What a body returns is stored, or the run fails and says why."""

import datetime
import decimal
import uuid

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, given, settings

from boogie.apps.tasks import BoogieTask, ResultError, Task
from tests.project.shop.models import Product
from tests.support.runs import both_worlds, by_call, by_worker, declared
from tests.unit.test_payloads import GOOD, REFUSED, same

pytestmark = pytest.mark.django_db

SHIPMENT = []
returning = declared(lambda product: SHIPMENT[0])
echo = declared(lambda product, value: value)


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@both_worlds
@pytest.mark.parametrize(
    "value",
    [
        None,
        0,
        False,
        "",
        [],
        {},
        "NULL",
        1e22,
        -0.0,
        2**70,
        {"b": 1, "a": {"": [None]}},
        decimal.Decimal("1.10"),
        uuid.UUID(int=1),
        datetime.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=datetime.UTC),
        datetime.date(2024, 1, 2),
        datetime.time(1, 2, 3),
        b"\x00\xff",
        "🎉 \\u0000 \\ ' \"",
    ],
    ids=repr,
)
def test_a_result_comes_back_from_the_database_as_it_went(run, product, value):
    SHIPMENT[:] = [value]
    row = run(returning, product)
    assert row.is_finished
    assert same(value, row.get_result())
    assert same([value], list(returning.results(product)))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=GOOD)
def test_any_argument_and_result_comes_back_from_the_database_as_it_went(value):
    product = Product.objects.create(name="pen")
    row = by_worker(echo, product, value)
    assert row.errors == []
    assert same(value, row.args[0])
    assert same(value, row.get_result())


@both_worlds
def test_data_nested_deeply_comes_back(run, product):
    value = 0
    for _ in range(200):
        value = [value]
    row = run(echo, product, value)
    assert row.get_result() == value


@both_worlds
@pytest.mark.parametrize("value", REFUSED.values(), ids=REFUSED.keys())
def test_a_result_that_json_does_not_bring_back_fails_the_run(run, product, value):
    SHIPMENT[:] = [value]
    row = run(returning, product)
    assert row.is_failed
    assert row.result is None
    assert row.errors[0]["type"] == "boogie.apps.tasks.exceptions.ResultError"
    assert f"returned a {type(value).__qualname__} " in row.error
    assert "serialize_result" in row.error


def test_call_raises_the_result_error(product):
    SHIPMENT[:] = [{1, 2}]
    with pytest.raises(ResultError, match=r"returned a set .*serialize_result"):
        returning.call(product)


@both_worlds
@override_settings(BOOGIE_TASKS={"MAX_RESULT_SIZE": 1000})
def test_a_result_that_is_too_large_fails_the_run(run, product):
    SHIPMENT[:] = ["x" * 999]
    row = run(returning, product)
    assert row.is_failed
    assert "a str of 1001 bytes" in row.error
    assert "MAX_RESULT_SIZE (1000)" in row.error
    row.delete()
    SHIPMENT[:] = ["x" * 998]
    assert run(returning, product).is_finished


@both_worlds
def test_a_model_instance_as_a_result_fails_the_run(run, product):
    SHIPMENT[:] = [product]
    row = run(returning, product)
    assert row.is_failed
    assert "a Product" in row.error


@both_worlds
def test_a_result_error_is_not_retried_without_being_asked_for(run, product):
    SHIPMENT[:] = [object()]
    assert run(returning, product).attempt == 1


# --- own serialization ----------------------------------------------------------------


class Sums(BoogieTask):
    def run(self, product, *numbers):
        return {"set": set(numbers)}

    def serialize_result(self, result):
        assert self.row is not None
        return sorted(result["set"])

    def deserialize_result(self, data):
        return {"set": set(data)}


sums = Sums.as_task(name="db.results.sums")


@both_worlds
def test_serialize_result_makes_what_is_stored_and_deserialize_result_its_inverse(run, product):
    row = run(sums, product, 3, 1)
    assert Task.objects.get(pk=row.pk).result == [1, 3]
    assert row.get_result() == {"set": {1, 3}}
    assert list(sums.results()) == [{"set": {1, 3}}]
    assert row.wait() == {"set": {1, 3}}


def test_call_returns_what_run_returned_not_what_is_stored(product):
    assert sums.call(product, 1) == {"set": {1}}


@both_worlds
def test_serialize_result_that_raises_fails_the_run_with_its_exception(run, product):
    class Broken(BoogieTask):
        def run(self, product):
            return 1

        def serialize_result(self, result):
            raise LookupError("cannot serialize")

    row = run(Broken.as_task(name=f"db.results.{run.__name__}.broken"), product)
    assert row.is_failed
    assert row.error == "LookupError: cannot serialize"


@both_worlds
def test_serialize_result_that_returns_what_cannot_be_stored_fails_the_run(run, product):
    class Unfit(BoogieTask):
        def run(self, product):
            return 1

        def serialize_result(self, result):
            return {result}

    row = run(Unfit.as_task(name=f"db.results.{run.__name__}.unfit"), product)
    assert row.is_failed
    assert "returned a set" in row.error


def test_both_worlds_store_the_same(product):
    SHIPMENT[:] = [{"n": (1, decimal.Decimal(2))}]
    called, worked = by_call(returning, product), by_worker(returning, product)
    assert called.result == worked.result == {"n": [1, decimal.Decimal(2)]}
