"""Many make a row of a unique task at once: one row comes of it, and all get that."""

import re
import sys
import threading
from contextlib import nullcontext

import pytest
from django.db import DatabaseError, connection, connections, transaction

from boogie.apps.tasks import Task
from tests.project.shop.models import Product
from tests.races import producer
from tests.races.rivals import Rival, race, waits_for_us, while_uncommitted
from tests.support.processes import Process
from tests.support.project_worker import environment
from tests.support.rows import claim
from tests.support.runs import declared
from tests.support.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = PROCESSES = 20

LEVELS = {
    "mysql": ["read committed", "repeatable read"],
    "postgresql": ["READ_COMMITTED", "REPEATABLE_READ", "SERIALIZABLE"],
}.get(connection.vendor, [None])

KINDS = {
    "live": {"unique": "live"},
    "waiting": {"unique": "waiting"},
    "debounce": {"unique": "waiting", "debounce": 60, "debounce_max": 600},
}


@pytest.fixture(params=LEVELS)
def level(request, monkeypatch):
    """The isolation of all transactions of the test."""
    if request.param is not None:
        value = request.param
        if connection.vendor == "postgresql":
            from django.db.backends.postgresql.psycopg_any import IsolationLevel

            value = IsolationLevel[value]
        options = connections.settings["default"]["OPTIONS"]
        monkeypatch.setitem(options, "isolation_level", value)
        monkeypatch.setitem(connection.settings_dict["OPTIONS"], "isolation_level", value)
        connection.close()
    yield request.param
    connection.close()


@pytest.fixture(params=KINDS)
def body(request):
    return declared(lambda product, n=0: None, **KINDS[request.param])


@pytest.fixture
def product(db):
    return Product.objects.create(name="pen")


def has_snapshot(level):
    return level in ("REPEATABLE_READ", "SERIALIZABLE", "repeatable read")


@pytest.mark.parametrize("around", [nullcontext, transaction.atomic])
def test_of_twenty_threads_one_makes_the_row(level, body, product, around):
    def make():
        for _ in range(50):
            try:
                with around():
                    return body.delayed(product)
            except DatabaseError as error:
                # Somebody was faster than the snapshot: the database says so, as it always does.
                if not has_snapshot(level) or "serialize" not in str(error):
                    raise
        raise AssertionError("never through")

    for _ in range(3):
        rows = race(*[make] * THREADS)
        assert len({row.pk for row in rows}) == 1
        assert sum(row.is_new for row in rows) == 1
        assert Task.objects.named(body.name).count() == 1
        Task.objects.all().cancel()
        Task.objects.all().delete()


@pytest.mark.parametrize(
    ("mode", "around"),
    [("live", "transaction"), ("waiting", "alone"), ("debounce", "transaction")],
)
def test_of_twenty_processes_one_makes_the_row(mode, around, product, tmp_path):
    go = tmp_path / "go"
    command = [sys.executable, "-m", producer.__name__, mode, around, str(product.pk), str(go)]
    env = environment("any")
    started = [Process(command, tmp_path / f"{n}.log", env) for n in range(PROCESSES)]
    try:
        wait_until(lambda: len(list(tmp_path.glob("go.*"))) == PROCESSES, 120)
        go.touch()
        assert [one.wait() for one in started] == [0] * PROCESSES, started[0].log
        found = [re.search(r"row (\S+) (\S+)", one.log).groups() for one in started]
    finally:
        for one in started:
            one.kill()
    assert len({pk for pk, _ in found}) == 1
    assert sorted(new for _, new in found) == ["False"] * (PROCESSES - 1) + ["True"]
    assert Task.objects.named(producer.NAME).count() == 1


def test_the_loser_waits_for_the_winner_and_takes_its_row(level, body, product):
    if level in ("REPEATABLE_READ", "SERIALIZABLE"):
        pytest.skip("there a statement that began before is refused: the next test")
    ours, theirs = while_uncommitted(lambda: body.delayed(product), lambda: body.delayed(product))
    assert (ours.is_new, theirs.is_new, ours.pk) == (True, False, theirs.pk)


def test_the_loser_in_a_transaction_takes_it_too(level, body, product):
    if level in ("REPEATABLE_READ", "SERIALIZABLE"):
        pytest.skip("there a statement that began before is refused: the next test")

    def make():
        with transaction.atomic():
            return body.delayed(product)

    ours, theirs = while_uncommitted(lambda: body.delayed(product), make)
    assert (ours.is_new, theirs.is_new, ours.pk) == (True, False, theirs.pk)


def test_the_loser_makes_its_own_if_the_winner_rolls_back(level, body, product):
    ours, theirs = while_uncommitted(
        lambda: body.delayed(product), lambda: body.delayed(product), undo=True
    )
    assert theirs.is_new
    assert ours.pk != theirs.pk
    assert Task.objects.named(body.name).get() == theirs


def test_a_transaction_that_does_not_see_the_row_makes_no_second_one(level, body, product):
    """It gets that row, or the database's own refusal."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer: no transaction of one is older than a row")
    got = []
    try:
        with transaction.atomic():
            assert not Task.objects.named(body.name).exists()  # the snapshot, if there is one
            theirs = Rival(lambda: body.delayed(product))
            theirs.start()
            there = theirs.outcome()
            got.append(body.delayed(product))
    except DatabaseError:
        assert has_snapshot(level)
    assert Task.objects.named(body.name).get() == there
    assert [(row.pk, row.is_new) for row in got] in ([], [(there.pk, False)])


def test_a_row_that_waits_does_not_start_before_a_transaction_that_relies_on_it(product):
    body = declared(lambda product, n=0: None, unique="waiting")
    row = body.delayed(product)

    with transaction.atomic():
        Product.objects.filter(pk=product.pk).update(name="pencil")
        assert body.delayed(product) == row
        rival = Rival(lambda: claim(row))
        rival.start()
        wait_until(lambda: waits_for_us(rival), pause=0.2)
        if connection.vendor != "sqlite":
            assert rival.result is None
    assert rival.outcome() == 1
    assert body.delayed(product).is_new


def test_each_does_the_same(product):
    body = declared(lambda product, n=0: None, unique="waiting")
    row = body.delayed(product)
    other = Product.objects.create(name="other")

    with transaction.atomic():
        made = body.each([product, other])
        assert [one.object_id for one in made] == [str(other.pk)]
        rival = Rival(lambda: claim(row))
        rival.start()
        wait_until(lambda: waits_for_us(rival), pause=0.2)
    assert rival.outcome() == 1


def test_several_each_in_any_order_make_one_row_for_each_object(body):
    products = [Product.objects.create(name=str(n)) for n in range(40)]
    race(*[lambda n=n: len(body.each(products[:: 1 if n % 2 else -1])) for n in range(6)])
    assert Task.objects.named(body.name).count() == 40


def test_rows_end_and_are_made_at_the_same_time(product):
    """A place that is free by the time somebody looks who has it."""
    body = declared(lambda product, n=0: None, unique="live")
    over = threading.Event()

    def cancel():
        while not over.is_set():
            Task.objects.named(body.name).cancel()

    def make():
        return [body.delayed(product).pk for _ in range(30)]

    ending = Rival(cancel)
    ending.start()
    try:
        race(*[make] * 4)
    finally:
        over.set()
    ending.outcome()
    living = Task.objects.named(body.name).exclude(status="cancelled")
    assert living.count() <= 1


def test_of_two_who_retry_by_hand_rows_of_one_key_one_succeeds(product):
    body = declared(lambda product: None, unique="live")
    two = []
    for _ in range(2):
        two.append(body.delayed(product))
        two[-1].cancel()
    first, second = while_uncommitted(two[0].retry, two[1].retry)
    assert (first, second) == (True, False)
    Task.objects.all().cancel()
    moved = race(*[lambda: Task.objects.named(body.name).retry()] * 6)
    assert sum(moved) == 1
