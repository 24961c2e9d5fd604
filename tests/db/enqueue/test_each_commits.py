"""``each``: what is committed together, when signals are sent, and what it costs."""

import contextlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import DatabaseError, connection, transaction

from boogie.apps.tasks import Task, current_app, task_paused, task_queued
from boogie.apps.tasks.broker import doorbell
from boogie.apps.tasks.enqueue import many as bulk
from tests.project.shop.models import Product
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(transaction=True)

look = declared(lambda product, n=0: n)


def products(count):
    Product.objects.bulk_create([Product(name=f"product {n}", stock=n) for n in range(count)])
    return Product.objects.order_by("pk")


def broken_after(count):
    """Yield so many objects, then fail."""
    yield from products(count)
    raise LookupError("no more objects")


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(bulk, "CHUNK", 10)


@pytest.fixture
def heard():
    """The rows that ``task_queued`` and ``task_paused`` were sent for, and what they said."""
    found = []

    def queued(sender, task, **extra):
        found.append(("queued", sender, task.status, task.pk))

    def paused(sender, task, **extra):
        found.append(("paused", sender, task.status, task.pk))

    task_queued.connect(queued)
    task_paused.connect(paused)
    yield found
    task_queued.disconnect(queued)
    task_paused.disconnect(paused)


# --- all or nothing ---------------------------------------------------------------------


def test_without_chunk_size_an_error_leaves_nothing(small_chunks, heard):
    with pytest.raises(LookupError):
        look.each(broken_after(25))
    assert Task.objects.count() == 0
    assert heard == []


@pytest.mark.parametrize("make", ["each", "paused", "schedule"])
def test_with_chunk_size_the_chunks_before_an_error_stay(make):
    call = look.each if make == "each" else getattr(look.each, make)
    time = [60] if make == "schedule" else []
    with pytest.raises(LookupError):
        call(*time, broken_after(25), chunk_size=10)
    assert Task.objects.count() == 20
    expected = Product.objects.order_by("pk").values_list("pk", flat=True)[:20]
    found = Task.objects.order_by("pk").values_list("object_id", flat=True)
    assert list(found) == [str(key) for key in expected]


def test_a_chunk_that_the_database_refuses_is_refused_as_a_whole(monkeypatch):
    objects = list(products(30))
    taken = look.each.paused(objects[:1]).get().pk  # a key that row 15 is to have, too
    monkeypatch.setattr(bulk, "uuid7_block", lambda: type(taken)(int=taken.int - 15))
    with pytest.raises(DatabaseError):
        look.each(objects, chunk_size=10)
    assert Task.objects.queued().count() == 10


def test_with_chunk_size_each_chunk_is_committed_before_the_next_is_read():
    seen = []

    def objects():
        for product in list(products(5)):
            seen.append((Task.objects.count(), connection.in_atomic_block))
            yield product

    assert look.each(objects(), chunk_size=2).count() == 5
    assert seen == [(n, False) for n in (0, 0, 2, 2, 4)]


def test_inside_a_transaction_of_the_caller_everything_is_part_of_it(heard):
    def roll_back():
        with transaction.atomic():
            look.each(products(5))
            look.each.paused(Product.objects.all(), chunk_size=2)
            assert Task.objects.count() == 10
            raise LookupError

    with pytest.raises(LookupError):
        roll_back()
    assert Task.objects.count() == 0
    assert heard == []


# --- signals ----------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "word"), [("each", "queued"), ("paused", "paused")])
def test_a_signal_is_sent_for_each_row_after_commit(small_chunks, heard, make, word):
    call = look.each if make == "each" else look.each.paused
    with transaction.atomic():
        rows = call(products(25))
        assert heard == []
    keys = list(rows.order_by("pk").values_list("pk", flat=True))
    assert heard == [(word, look, word, key) for key in keys]


def test_a_signal_for_a_chunk_is_sent_when_that_chunk_is_committed(heard):
    with pytest.raises(LookupError):
        look.each(broken_after(25), chunk_size=10)
    assert len(heard) == 20


# --- the broker -------------------------------------------------------------------------


def test_nothing_is_published_by_each_and_every_row_is_due(monkeypatch):
    monkeypatch.setattr(current_app, "needs_ringing", lambda *app: True)
    monkeypatch.setattr(doorbell, "ring", lambda rows: pytest.fail("each() rang"))
    look.each(products(5))
    assert Task.objects.due().count() == 5


# --- statements -------------------------------------------------------------------------


def served():
    """Return how many statements MariaDB or MySQL has served this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Questions'")
        return int(cursor.fetchone()[1])


@contextlib.contextmanager
def executions():
    """Collect what the database is asked, server-side cursors included."""
    found = []

    def note(execute, text, params, many, context):
        if not text.startswith("BEGIN"):  # only SQLite lets it be seen
            found.append(text)
        return execute(text, params, many, context)

    with connection.execute_wrapper(note):
        yield found


def inserts(made):
    return sum(text.startswith("INSERT") for text in made)


@pytest.mark.parametrize("as_list", [False, True], ids=["queryset", "list"])
def test_statements_grow_with_chunks_and_not_with_rows(monkeypatch, as_list):
    objects = list(products(60)) if as_list else products(60)
    look.each(objects[:1])
    counts = {}
    for chunk in (60, 20):
        monkeypatch.setattr(bulk, "CHUNK", chunk)
        with executions() as made:
            look.each(objects, n=5)
        counts[chunk] = (inserts(made), len(made) - inserts(made))
    reads = 0 if as_list else 1
    assert counts == {60: (1, reads), 20: (3, reads)}


def test_a_chunk_is_one_statement_for_the_server_too():
    if connection.vendor != "mysql":
        pytest.skip("only the clients of MariaDB and MySQL may send what looks like one in pieces")
    objects = list(products(60))
    look.each.schedule(5, objects)
    before = served()
    look.each.schedule(5, objects)
    assert served() - before < 10


def test_no_whole_object_is_read():
    objects = products(3)
    with executions() as made:
        look.each(objects)
    (read,) = [text for text in made if "shop_product" in text]
    assert "name" not in read
    assert "stock" not in read


def test_arguments_travel_once_for_a_chunk_and_not_once_for_a_row():
    if connection.vendor == "sqlite":
        pytest.skip("nothing travels")
    word = "x" * 100_000
    body = declared(lambda product, word: word)
    sizes = []

    def note(execute, text, params, many, context):
        sizes.append(len(repr(params)))
        return execute(text, params, many, context)

    objects = list(products(100))
    with connection.execute_wrapper(note):
        rows = body.each(objects, word)
    assert sum(sizes) < 2 * len(word)
    assert {row.args[0] for row in rows} == {word}


def test_many_thousand_rows_in_one_call():
    count = 2 * bulk.CHUNK + 1
    objects = products(count)
    assert look.each(objects).count() == count
    assert look.each(objects, chunk_size=bulk.CHUNK - 1).count() == count
    distinct = look.tasks().values("object_id").distinct().count()
    assert distinct == count


def test_others_may_write_between_two_chunks():
    objects = products(bulk.CHUNK + 1)

    def listen_once(sender, task, **extra):
        task_queued.disconnect(listen_once)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(write_elsewhere).result()

    task_queued.connect(listen_once)
    try:
        assert look.each(objects, chunk_size=100).count() == bulk.CHUNK + 1
    finally:
        task_queued.disconnect(listen_once)


def write_elsewhere():
    """Write on a connection of another thread."""
    try:
        Product.objects.create(name="from elsewhere")
    finally:
        connection.close()
