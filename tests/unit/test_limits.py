"""What limits can be declared, and with which words the others are refused."""

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured

from boogie.apps.tasks import Concurrency, Rate, limits
from tests.support.names import fresh_name
from tests.support.runs import declared

WRONG = [
    (lambda: Concurrency(0), ValueError, "n must be from 1"),
    (lambda: Concurrency(1.5), TypeError, "n must be a whole number"),
    (lambda: Concurrency(True), TypeError, "n must be a whole number"),
    (lambda: Concurrency(1, by=7), TypeError, "by must be"),
    (lambda: Concurrency(1, by="a b"), ValueError, "a path of attributes"),
    (lambda: Concurrency(1, name=""), ValueError, "name must be a text"),
    (lambda: Concurrency(1, name="x" * 201), ValueError, "at most 200"),
    (lambda: Rate(1, per=0), ValueError, "per must be more than 0"),
    (lambda: Rate(1, per="minute"), TypeError, "per must be a number of seconds"),
    (lambda: Rate(1, per=1, burst=0), ValueError, "burst must be from 1"),
]


@pytest.mark.parametrize(("make", "error", "words"), WRONG)
def test_what_makes_no_sense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_rate_takes_a_length_of_time():
    assert Rate(60, per=timedelta(minutes=1)).interval == 1.0


@pytest.mark.parametrize("given", [[7], 7, "one"])
def test_only_limits_limit(given):
    with pytest.raises(TypeError, match="limits must be"):
        declared(lambda product: None, limits=given)


def test_a_limit_cannot_be_changed():
    with pytest.raises(AttributeError):
        Concurrency(1).n = 2


def test_two_definitions_under_one_name_are_refused():
    name = fresh_name()
    declared(lambda product: None, limits=[Rate(1, per=60, name=name)])
    declared(lambda product: None, limits=[Rate(1, per=60, name=name, by="object")])
    for other in (Rate(2, per=60, name=name), Concurrency(1, name=name)):
        with pytest.raises(ImproperlyConfigured, match=f"Two limits are named '{name}'"):
            declared(lambda product: None, limits=[other])


def test_a_task_that_is_declared_again_may_have_other_numbers():
    name, own = fresh_name(), fresh_name()
    for n in (1, 2):
        declared(lambda product: None, name=own, limits=[Concurrency(n, name=name)])
    assert limits.known(name).n == 2


def test_two_limits_of_one_task_are_told_apart():
    body = declared(lambda product: None, limits=[Rate(1, per=1), Rate(100, per=3600)])
    one, other = limits.of_task(body.name)
    assert one.identity != other.identity


def by_region(obj, *, region=None):
    return region


def test_a_callable_that_does_not_take_what_the_task_takes_is_refused():
    def body(product, copies=1, *, region=None):
        pass

    with pytest.raises(TypeError, match=r"by=<function by_region .* of a limit must take whatever"):
        declared(body, limits=[Rate(1, per=1, by=by_region)])
    assert declared(lambda obj, *, region=None: None, limits=[Concurrency(1, by=by_region)])
