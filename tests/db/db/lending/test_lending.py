"""Few connections for many bodies: who has one, and until when."""

import contextlib
import logging
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.signals import connection_created
from django.db.models import Func, IntegerField, Max
from django.db.models.functions import Coalesce

from boogie.apps.tasks.db import features
from boogie.apps.tasks.db.lending import bodies
from boogie.apps.tasks.db.lending.lender import Lender
from tests.db.db.lending.conftest import a_run, in_a_run, lender
from tests.project import services
from tests.project.shop.models import Product
from tests.support.processes import PATIENCE
from tests.support.sessions import others
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(services.DATABASE == "sqlite", reason="there is no server to connect to"),
]

only_postgresql = pytest.mark.skipif(services.DATABASE != "postgresql", reason="of PostgreSQL")


def session():
    """Return the number of the session that serves this thread's next statement."""
    of = {"postgresql": "PG_BACKEND_PID", "mysql": "CONNECTION_ID"}[connection.vendor]
    number = Func(function=of, output_field=IntegerField())
    return Product.objects.aggregate(number=Coalesce(Max(number), number))["number"]


def kept_session():
    """Return the same by a cursor of the project, which keeps its connection."""
    asks = {"postgresql": "SELECT pg_backend_pid()", "mysql": "SELECT CONNECTION_ID()"}
    with connection.cursor() as cursor:
        cursor.execute(asks[connection.vendor])
        return cursor.fetchone()[0]


def end_session(number):
    ends = {"postgresql": "SELECT pg_terminate_backend(%s, 10000)", "mysql": "KILL %s"}
    with connection.cursor() as cursor:
        cursor.execute(ends[connection.vendor], [number])


def read():
    return Product.objects.count()


def make_and_wait(gate):
    """Make something, and wait before that is committed."""
    with transaction.atomic():
        Product.objects.create(name="pen")
        gate.wait()


# --- who waits --------------------------------------------------------------------------


def test_bodies_that_wait_have_no_connection(lending, beside, gate):
    lending(3)
    before = others()

    def body():
        Product.objects.create(name="pen")
        with transaction.atomic():
            Product.objects.create(name="ink")
        list(Product.objects.all())
        gate.wait()
        return read()

    futures = [beside(body) for _ in range(20)]
    gate.await_visitors(20)
    assert others() - before <= 3
    gate.open()
    assert {future.result(PATIENCE) for future in futures} == {40}
    assert others() - before <= 3


def test_a_body_in_a_transaction_has_one_to_itself_and_others_wait_for_theirs(
    lending, beside, gate
):
    lending(1)

    def in_a_transaction():
        with transaction.atomic():
            Product.objects.create(name="pen")
            gate.wait()
            return read()

    first = beside(in_a_transaction)
    gate.await_visitors()
    second = beside(read)
    wait_until(lambda: lender()._waiting, PATIENCE)
    assert not second.done()
    gate.open()
    assert first.result(PATIENCE) == 1
    assert second.result(PATIENCE) == 1
    assert lender().count == 1


def test_a_body_that_would_wait_for_ever_gets_one_more(lending, beside, gate, monkeypatch, caplog):
    lending(1)
    monkeypatch.setattr(lender(), "_patience", 0.01)

    first = beside(make_and_wait, gate)
    gate.await_visitors()
    with caplog.at_level(logging.WARNING):
        assert beside(read).result(PATIENCE) == 0
    assert "WORKER_CONNECTIONS" in caplog.text
    gate.open()
    first.result(PATIENCE)
    assert lender().count == 1


def test_who_waits_while_others_go_on_gets_none_more(lending, beside, gate, monkeypatch):
    lending(1)
    monkeypatch.setattr(lender(), "_patience", 0.01)
    looks = []
    look = Lender._serve_if_stuck
    monkeypatch.setattr(
        Lender, "_serve_if_stuck", lambda self, turn: (look(self, turn), looks.append(turn))
    )

    first = beside(make_and_wait, gate)
    gate.await_visitors()
    # One was given back a moment ago, however long a test takes.
    monkeypatch.setattr(lender(), "_moved", float("inf"))
    second = beside(read)
    wait_until(lambda: len(looks) > 2, PATIENCE)
    assert not second.done()
    gate.open()
    first.result(PATIENCE)
    assert second.result(PATIENCE) == 1


def test_what_is_done_on_commit_may_use_the_database(lending, beside):
    lending(1)
    found = []

    def body():
        with transaction.atomic():
            transaction.on_commit(lambda: found.append(read()))
            Product.objects.create(name="pen")

    beside(body).result(PATIENCE)
    assert found == [1]


def test_a_cursor_of_the_server_is_read_to_its_end_on_one_connection(lending, beside, gate):
    lending(2)
    Product.objects.bulk_create(Product(name=f"pen {n}") for n in range(5))

    def body():
        names = []
        for product in Product.objects.order_by("pk").iterator(chunk_size=1):
            if not names:
                assert read() == 5
                gate.wait()
            names.append(product.name)
        return names

    future = beside(body)
    gate.await_visitors()
    assert not lender()._idle
    assert [beside(read).result(PATIENCE) for _ in range(3)] == [5] * 3
    gate.open()
    assert future.result(PATIENCE) == [f"pen {n}" for n in range(5)]


# --- what a session remembers -------------------------------------------------------------


def test_a_body_with_a_cursor_of_its_own_has_one_session_to_its_end(lending, beside, gate):
    lending(2)

    def body():
        numbers = [kept_session()]
        gate.wait()
        return [*numbers, session(), read(), kept_session()]

    future = beside(body)
    gate.await_visitors()
    other = beside(session).result(PATIENCE)
    gate.open()
    first, second, _, third = future.result(PATIENCE)
    assert first == second == third != other


def test_what_the_project_has_had_in_its_hands_is_not_handed_on(lending, beside):
    lending(1)
    first = beside(session).result(PATIENCE)
    assert beside(kept_session).result(PATIENCE) == first
    assert beside(session).result(PATIENCE) != first
    assert lender().count == 1


@pytest.mark.parametrize("raises", [False, True])
def test_who_waits_on_commit_has_no_connection(lending, beside, gate, raises, monkeypatch, caplog):
    lending(1)
    monkeypatch.setattr(lender(), "_patience", 0.01)

    def hook():
        gate.wait()
        if raises:
            raise ValueError("no")

    def body():
        try:
            with transaction.atomic():
                transaction.on_commit(hook)
                Product.objects.create(name="pen")
        except ValueError:
            gate.wait()
        return read()

    future = beside(body)
    gate.await_visitors()
    assert beside(read).result(PATIENCE) == 1
    assert "another one is opened" not in caplog.text
    gate.open()
    assert future.result(PATIENCE) == 1


def test_a_cursor_of_the_server_that_outlives_its_run_is_closed_with_it(lending, beside):
    lending(1)
    Product.objects.bulk_create(Product(name="pen") for _ in range(5))
    left = []

    def body():
        products = Product.objects.iterator(chunk_size=1)
        next(products)
        left.append(products)
        return session()

    number = beside(body).result(PATIENCE)
    assert beside(session).result(PATIENCE) != number
    left.clear()


def test_what_is_cleaned_up_by_another_thread_gives_nothing_back(lending, beside, gate):
    lending(1)
    cursors = []

    def body():
        with bodies.together("default"):
            compiler = Product.objects.all().query.get_compiler("default")
            cursors.append(compiler.execute_sql("cursor"))
        gate.wait()
        return cursors

    future = beside(body)
    gate.await_visitors()
    cursors.pop().close()
    assert lender().count == 1
    assert not lender()._idle
    gate.open()
    future.result(PATIENCE)
    assert beside(read).result(PATIENCE) == 0


def test_who_asks_django_for_it_has_a_connection_looked_at_before_a_run(
    lending, beside, monkeypatch
):
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", True)
    lending(1)
    number = beside(session).result(PATIENCE)
    end_session(number)
    assert beside(session).result(PATIENCE) != number


@only_postgresql
@pytest.mark.parametrize(
    "change",
    [
        "SET boogie.word = 'behind'",
        "SELECT set_config('boogie.word', 'behind', false)",
        "BEGIN",
        "SELECT pg_advisory_lock(4711)",
        "CREATE TEMPORARY TABLE left_behind (id int)",
    ],
)
def test_a_session_that_was_changed_is_closed_at_the_end_of_the_run(lending, beside, change):
    lending(1)

    def body():
        with connection.cursor() as cursor:
            cursor.execute(change)
        Product.objects.exists()
        return session()

    changed = beside(body).result(PATIENCE)
    assert beside(session).result(PATIENCE) != changed
    assert lender().count == 1


@only_postgresql
def test_what_the_orm_changes_is_not_handed_on_either(lending, beside):
    lending(1)
    Product.objects.create(name="pen")
    locked = {"locked": "pg_try_advisory_lock(4712)"}

    def lock():
        list(Product.objects.extra(select=locked))
        return session()

    assert beside(lock).result(PATIENCE) != beside(session).result(PATIENCE)


def test_a_transaction_that_is_left_open_is_rolled_back(lending, beside):
    lending(1)

    def leave_open():
        transaction.atomic().__enter__()
        Product.objects.create(name="pen")

    def without_autocommit():
        transaction.set_autocommit(False)
        Product.objects.create(name="pen")

    with ThreadPoolExecutor(max_workers=1) as thread:
        for body in (leave_open, without_autocommit):
            thread.submit(in_a_run, body).result(PATIENCE)
            borrowers = thread.submit(in_a_run, lambda: list(bodies._here.borrowers))
            assert borrowers.result(PATIENCE) == ["default"]
            assert beside(read).result(PATIENCE) == 0
    assert lender().count == 1


def test_a_thread_goes_on_as_ever_when_its_run_is_over(lending):
    lending(1)
    before = vars(connection._connections[connection._alias]).keys()
    with a_run():
        assert read() == 0
    after = vars(connection._connections[connection._alias]).keys()
    assert not {"cursor", "ensure_connection", "close"} & (after - before)
    assert connection.execute_wrappers == []
    assert read() == 0


# --- what broke -----------------------------------------------------------------------------


def test_a_connection_that_broke_is_not_handed_on(lending, beside, gate):
    lending(3)

    def body():
        with transaction.atomic():
            number = session()
            gate.wait()
        return number

    futures = [beside(body) for _ in range(3)]
    gate.await_visitors(3)
    gate.open()
    numbers = {future.result(PATIENCE) for future in futures}
    assert len(numbers) == 3
    for number in numbers:
        end_session(number)
    with pytest.raises(DatabaseError):
        beside(read).result(PATIENCE)
    # All the others have ended with it, which is seen before they are used.
    assert [beside(read).result(PATIENCE) for _ in range(5)] == [0] * 5
    assert lender().count <= 3


def test_one_that_has_not_been_used_for_long_is_looked_at_before_it_is(
    lending, beside, monkeypatch
):
    lending(1)
    end_session(beside(session).result(PATIENCE))
    monkeypatch.setattr("boogie.apps.tasks.db.lending.debt.CHECK_AFTER", -1.0)
    assert beside(read).result(PATIENCE) == 0


def test_one_that_nobody_asks_for_is_closed(lending, beside, monkeypatch):
    lending(2)
    before = others()
    beside(read).result(PATIENCE)
    bodies.tidy()
    assert lender().count == 1
    monkeypatch.setattr("boogie.apps.tasks.db.lending.lender.IDLE", -1.0)
    bodies.tidy()
    assert lender().count == 0
    wait_until(lambda: others() == before, PATIENCE)


def test_a_run_that_raised_leaves_none_of_its_own(lending, beside):
    lending(1)

    def body():
        Product.objects.create(name=str(kept_session()))
        raise LookupError

    with pytest.raises(LookupError):
        beside(body).result(PATIENCE)
    assert beside(kept_session).result(PATIENCE) != int(Product.objects.get().name)
    assert lender().count == 0


def test_a_body_may_close_its_connection(lending, beside):
    lending(1)

    def body():
        first = kept_session()
        connections.close_all()
        assert lender().count == 0
        return first, kept_session()

    first, second = beside(body).result(PATIENCE)
    assert first != second
    assert lender().count == 0


def test_a_connection_that_cannot_be_made_is_not_counted(lending, beside, monkeypatch):
    lending(1)

    def body():
        monkeypatch.setitem(connection.settings_dict, "PORT", "1")
        with pytest.raises(DatabaseError):
            read()
        monkeypatch.undo()
        assert lender().count == 0
        return read()

    assert beside(body).result(PATIENCE) == 0
    assert lender().count == 1


def test_a_connection_that_was_cut_off_is_not_handed_on(lending, beside):
    lending(1)
    leave = {
        "postgresql": lambda raw: raw.pgconn.send_query(b"SELECT 1"),  # amid a statement
        "mysql": lambda raw: raw.begin(),  # and this one in a transaction
    }

    def body():
        def cut_off(execute, *statement):
            result = execute(*statement)
            leave[connection.vendor](connection.connection)
            return result

        with connection.execute_wrapper(cut_off):
            read()
        assert lender().count == 0
        return read()

    assert beside(body).result(PATIENCE) == 0


def test_what_is_done_by_the_driver_itself_is_not_handed_on(lending, beside):
    lending(1)

    def body():
        connection.ensure_connection()
        with connection.connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("ROLLBACK")
        return session()

    assert beside(body).result(PATIENCE) != beside(session).result(PATIENCE)


def test_a_run_whose_end_nobody_has_told_keeps_nothing(lending):
    lending(1)
    bodies.begin()
    session()
    assert in_a_run(read) == 0
    assert lender().count == 1


# --- what the project adds to Django's connections ----------------------------------------


@pytest.fixture
def guarded():
    """A receiver that has each statement of a connection noted, as a filter of tenants would."""
    seen = []

    def guard(execute, sql, params, many, context):
        seen.append(threading.get_ident())
        return execute(sql, params, many, context)

    def add(connection, **extra):
        connection.execute_wrappers.append(guard)

    connection_created.connect(add)
    yield seen
    connection_created.disconnect(add)


def test_what_a_receiver_adds_to_a_connection_wraps_the_statements_of_all_bodies(
    lending, beside, gate, guarded
):
    lending(1)

    def body():
        gate.wait()
        Product.objects.count()
        Product.objects.count()
        return threading.get_ident()

    bodies_of = [beside(body) for _ in range(3)]
    gate.await_visitors(3)
    gate.open()
    threads = {one.result(PATIENCE) for one in bodies_of}
    assert len(threads) == 3
    assert Counter(guarded) == dict.fromkeys(threads, 2)


def test_bodies_that_began_before_anything_was_known_of_the_server_know_it(lending, beside, gate):
    lending(1)

    def body():
        gate.wait()
        with transaction.atomic():
            return features.shows_a_snapshot(connection)

    found = [beside(body) for _ in range(3)]
    gate.await_visitors(3)
    gate.open()
    assert len({one.result(PATIENCE) for one in found}) == 1


@only_postgresql
def test_what_the_project_makes_of_a_statement_counts(lending, beside):
    """A wrapper behind ours, as all are."""
    lending(1)

    def changes(execute, sql, params, many, context):
        return execute(f"SET LOCAL lock_timeout = 0; {sql}", params, many, context)

    def body():
        with connection.execute_wrapper(changes):
            Product.objects.update(name="pen")
        return lender().count, len(lender()._idle)

    assert beside(body).result(PATIENCE) == (1, 0)
    assert lender().count == 0


def test_who_closes_its_connection_in_a_transaction_is_counted_afterwards(lending, beside):
    lending(2)

    def body():
        with contextlib.suppress(DatabaseError), transaction.atomic():
            read()
            connection.close()
            read()
        read()
        return lender().count, connection.connection is None

    assert beside(body).result(PATIENCE) == (1, True)


def test_what_is_freed_while_a_transaction_begins_gives_nothing_back(lending, beside):
    """A queryset that is read in part, in a circle that the collector finds at any moment."""
    lending(1)
    Product.objects.bulk_create(Product(name="pen") for _ in range(3))

    def body():
        left = Product.objects.iterator(chunk_size=1)
        next(left)
        begin = connection._set_autocommit

        def set_autocommit(autocommit):
            left.close()
            begin(autocommit)

        connection._set_autocommit = set_autocommit
        try:
            with transaction.atomic():
                return Product.objects.count()
        finally:
            del connection._set_autocommit

    assert beside(body).result(PATIENCE) == 3
