"""Lines that a body logs are kept with its row, from the level that its task names."""

import io
import logging
import threading

import pytest
from django.test import override_settings

from boogie.apps.tasks import Task
from boogie.apps.tasks.tracking import reporter
from tests.project.shop.models import Product
from tests.support.runs import by_call, declared, work

pytestmark = pytest.mark.django_db(transaction=True)

logger = logging.getLogger("tests.tracking")


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


def talk(product):
    logger.debug("quietly")
    logger.info("hello %s", product.name)
    logger.warning("look")


def lines(row):
    return [(line["level"], line["message"]) for line in row.log]


@pytest.mark.parametrize(
    "run", [lambda body, obj: work(body.delayed(obj)), by_call], ids=["worker", "call"]
)
def test_lines_of_the_level_and_above_are_kept(product, run):
    row = run(declared(talk, log="INFO"), product)
    assert lines(row) == [("INFO", "hello pen"), ("WARNING", "look")]
    assert row.log[0]["logger"] == "tests.tracking"
    assert abs((row.log[0]["at"] - row.started).total_seconds()) < 3600


def test_without_the_option_nothing_is_kept(product):
    assert work(declared(talk).delayed(product)).log == []


def test_a_setting_keeps_those_of_all_tasks(product):
    with override_settings(BOOGIE_TASKS={"KEEP_LOG": "WARNING"}):
        assert lines(work(declared(talk).delayed(product))) == [("WARNING", "look")]


@pytest.mark.parametrize("atomic", [False, True])
def test_lines_of_a_run_that_failed_are_kept_too(product, atomic):
    @declared(log="INFO", atomic=atomic)
    def body(product):
        talk(product)
        try:
            raise ValueError("inner")
        except ValueError:
            logger.exception("caught")
        raise RuntimeError("end")

    row = work(body.delayed(product))
    assert row.is_failed
    assert [level for level, _ in lines(row)] == ["INFO", "WARNING", "ERROR"]
    assert "ValueError: inner" in row.log[-1]["message"]


def test_the_last_five_hundred_are_kept(product):
    @declared(log="INFO")
    def body(product):
        for number in range(600):
            logger.info("line %s", number)

    row = work(body.delayed(product))
    assert len(row.log) == reporter.MAX_RECORDS == 500
    assert row.log[-1]["message"] == "line 599"


def test_lines_of_other_threads_and_of_later_are_not_the_rows(product):
    @declared(log="INFO")
    def body(product):
        thread = threading.Thread(target=logger.warning, args=["from elsewhere"])
        thread.start()
        thread.join()

    row = work(body.delayed(product))
    logger.warning("later")
    row.refresh_from_db()
    assert row.log == []


def test_nobody_else_is_told_more_than_before(product):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    try:
        work(declared(talk, log="DEBUG").delayed(product))
    finally:
        root.removeHandler(handler)
    assert stream.getvalue() == "look\n"
    assert root.level == level
    assert handler.level == logging.NOTSET


def test_values_of_sensitive_arguments_are_masked(product):
    @declared(log="INFO", sensitive=("token", "number"))
    def body(product, token, number=0):
        logger.info("the token is %s, the number %s", token, number)
        raise ValueError(f"refused {token}")

    row = work(body.delayed(product, "s3cret", number=1234567))
    assert lines(row) == [("INFO", "the token is ••••, the number ••••")]
    assert row.error == "ValueError: refused ••••"
    assert "s3cret" not in row.errors[-1]["traceback"]
    assert row.args == ["s3cret"]


def test_what_a_sensitive_argument_holds_is_masked_however_it_is_quoted(product):
    @declared(log="INFO", sensitive=("login", "token"))
    def body(product, login, token):
        logger.info("%s has %s", login["name"], login["keys"][0])
        raise KeyError(token)

    login = {"name": "somebody", "keys": ["s3cret-key"]}
    row = work(body.delayed(product, login, "s3cret\n'quoted\\"))
    assert lines(row) == [("INFO", "•••• has ••••")]
    assert row.error == "KeyError: '••••'" or row.error == 'KeyError: "••••"'
    assert "s3cret" not in row.errors[-1]["traceback"]


@pytest.mark.parametrize("wrong", ["LOUD", "info"])
def test_a_level_that_there_is_not_is_refused(wrong):
    with pytest.raises(ValueError, match="log must be one of DEBUG, INFO"):
        declared(talk, log=wrong)


def test_sensitive_names_arguments():
    with pytest.raises(ValueError, match="sensitive names 'tokn', which is no argument of it"):
        declared(lambda product, token: None, sensitive=["tokn"])
    with pytest.raises(TypeError, match="sensitive must be a list of names"):
        declared(lambda product, token: None, sensitive="token")


def test_arguments_of_a_row_from_before_the_function_was_changed_do_no_harm(product):
    row = declared(lambda product, token: None, sensitive=["token"]).delayed(product, "s3cret")
    Task.objects.filter(pk=row.pk).update(args=["s3cret", "more", "and more"])
    assert work(row).error.startswith("TypeError: ")
