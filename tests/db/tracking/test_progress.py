"""How far a run is: told by its body, written now and then, kept with its row."""

import asyncio
import copy
import io
import pickle
import re
import sys
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.utils.functional import lazystr

from boogie.apps.tasks import Progress, Task, TaskCancelled, progress, track
from boogie.apps.tasks.db import commits, features
from boogie.apps.tasks.lifecycle import transitions
from boogie.apps.tasks.tracking import reporter
from tests.project.shop.models import Product
from tests.support.runs import by_call, declared, work

pytestmark = pytest.mark.django_db(transaction=True)

SHARED = not features.has_one_writer(connection)


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@pytest.fixture
def always(monkeypatch):
    """Write whenever something is told."""
    monkeypatch.setattr(reporter, "WRITE_EVERY", 0)


@pytest.fixture
def writes(monkeypatch):
    """What was written, as dicts of columns."""
    made = []
    real = transitions.note

    def note(connection, rows, row, changes):
        made.append(changes)
        return real(connection, rows, row, changes)

    monkeypatch.setattr(transitions, "note", note)
    return made


def seen(row_id):
    """Return the progress that others see."""
    return Task.objects.get(pk=row_id).progress


ways = pytest.mark.parametrize(
    "run", [lambda body, obj: work(body.delayed(obj)), by_call], ids=["worker", "call"]
)


@ways
def test_what_a_body_tells_is_kept_with_its_row(product, run):
    def body(self, product):
        self.progress(1, 4, "cutting")
        progress(3, 4, note="gluing")

    row = run(declared(body, bind=True), product)
    assert row.progress == Progress(3, 4, "gluing", 0.75)
    assert row.progressed is not None


@ways
def test_track_yields_what_there_is_and_knows_how_many(product, run, always):
    shown = []

    @declared(bind=True)
    def body(self, product):
        for item in track(["a", "b", "c", "d"], note="sorting"):
            shown.append((item, seen(self.row.pk)))

    row = run(body, product)
    assert [item for item, _ in shown] == ["a", "b", "c", "d"]
    assert [p.done for _, p in shown] == [0, 1, 2, 3]
    assert shown[2][1] == Progress(2, 4, "sorting", 0.5)
    assert row.progress == Progress(4, 4, "sorting", 1.0)


def test_a_queryset_is_counted_and_not_read_at_once(product, always, django_assert_num_queries):
    Product.objects.create(name="ink")

    @declared
    def body(product):
        return [p.name for p in track(Product.objects.order_by("pk"))]

    row = work(body.delayed(product))
    assert row.result == ["pen", "ink"]
    assert row.progress.total == 2


def test_a_loop_of_unknown_length_has_no_fraction(product):
    @declared
    def body(product):
        for _ in track(iter("abc")):
            pass

    assert work(body.delayed(product)).progress == Progress(3, None, "", None)


def test_loops_in_loops_make_one_bar(product, always):
    fractions = []

    @declared(bind=True)
    def body(self, product):
        for _ in track("ab", note="outer"):
            for _ in track("cd", note="inner"):
                progress(1, 2)
                found = seen(self.row.pk)
                fractions.append((found.done, found.total, found.note, found.fraction))

    row = work(body.delayed(product))
    assert fractions == [
        (0, 2, "inner", 0.125),
        (0, 2, "inner", 0.375),
        (1, 2, "inner", 0.625),
        (1, 2, "inner", 0.875),
    ]
    assert row.progress == Progress(2, 2, "outer", 1.0)


def test_a_loop_that_was_left_early_leaves_nothing_behind(product):
    @declared
    def body(product):
        for _ in track("ab"):
            for _ in track("cdef"):
                break

    assert work(body.delayed(product)).progress == Progress(2, 2, "", 1.0)


def test_it_is_written_at_most_twice_a_second_and_once_at_the_end(product, writes):
    @declared
    def body(product):
        for _ in track(range(1000)):
            pass

    row = work(body.delayed(product))
    assert row.progress.done == 1000
    assert len(writes) == 2


def test_a_run_that_tells_nothing_writes_nothing(product, writes):
    work(declared(lambda product: None).delayed(product))
    assert writes == []


def test_a_new_attempt_begins_anew(product):
    @declared(bind=True, max_retries=1)
    def body(self, product):
        if self.row.attempt == 1:
            self.progress(5, 10)
            self.retry(countdown=0)
        assert self.row.progress is None

    row = body.delayed(product)
    work(row)
    assert row.progress == Progress(5, 10, "", 0.5)
    Task.objects.filter(pk=row.pk).update(not_before=None)
    assert work(row).is_finished
    assert row.progress is None


# --- transactions ---------------------------------------------------------------------


@pytest.mark.parametrize("fails", [False, True])
def test_others_see_how_far_an_atomic_body_is_where_the_database_allows_it(product, always, fails):
    between = []

    @declared(atomic=True, bind=True)
    def body(self, product):
        for number in track(range(3)):
            if number == 2 and SHARED:
                other = connections.create_connection("default")
                with other.cursor() as cursor:
                    cursor.execute("SELECT progress FROM boogie_tasks_task")
                    between.append(cursor.fetchone()[0])
                other.close()
        if fails:
            raise ValueError("no")

    row = work(body.delayed(product))
    assert row.is_failed is fails
    assert row.progress == Progress(3, 3, "", 1.0)
    if SHARED:
        assert '"done": 2' in str(between[0])


def test_a_row_that_nobody_else_sees_yet_is_written_by_its_own_connection(product, always):
    """As in a test, whose rows are never committed."""
    with transaction.atomic():
        row = work(declared(lambda product: list(track("abc"))).delayed(product))
        assert row.is_finished
        assert row.progress.done == 3


def test_a_database_that_is_away_costs_the_bar_and_not_the_run(product, always, monkeypatch):
    def away(*args):
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(transitions, "note", away)
    row = work(declared(lambda product: list(track("abc"))).delayed(product))
    assert row.get_result() == ["a", "b", "c"]
    assert row.progress is None


def test_nothing_goes_wrong_in_a_transaction_that_is_broken(product, always):
    @declared(atomic=True)
    def body(product):
        with transaction.atomic():
            progress(1, 2)
        transaction.set_rollback(True)
        progress(2, 2)

    work(body.delayed(product))


# --- cancelling -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "atomic",
    [
        False,
        pytest.param(
            True, marks=pytest.mark.skipif(not SHARED, reason="nobody else can write meanwhile")
        ),
    ],
)
def test_track_sees_that_its_row_was_cancelled(product, always, atomic):
    reached = []

    def cancel(pk):
        other = connections.create_connection("default")
        with other.cursor() as cursor:
            cursor.execute(
                "UPDATE boogie_tasks_task SET status = 'cancelled', ended = created, due = NULL"
            )
        other.close()

    @declared(bind=True, atomic=atomic)
    def body(self, product):
        for number in track(range(10)):
            reached.append(number)
            if number == 4:
                if commits.in_transaction(connection):
                    cancel(self.row.pk)
                else:
                    Task.objects.get(pk=self.row.pk).cancel()

    row = work(body.delayed(product))
    assert reached == [0, 1, 2, 3, 4]
    assert row.is_cancelled


def test_a_call_that_was_cancelled_says_so(product, always):
    @declared(bind=True)
    def body(self, product):
        for _ in track(range(10)):
            Task.objects.get(pk=self.row.pk).cancel()

    body_row = by_call(body, product)
    assert body_row.is_cancelled


# --- outside of a run -----------------------------------------------------------------


def test_outside_of_a_run_nothing_happens_but_the_items(db):
    progress(1, 2)
    assert list(track("abc")) == ["a", "b", "c"]
    assert not Task.objects.exists()


def test_a_plain_call_draws_a_bar_in_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert list(track("abcd", note="sorting")) == list("abcd")
    assert terminal.getvalue().startswith("\rsorting  [....")
    assert terminal.getvalue().endswith("4/4 100%\n")


@pytest.mark.parametrize("wrong", [(-1,), ("1",), (1, "2"), (True,)])
def test_what_is_no_number_is_refused_at_once(wrong):
    with pytest.raises(ValueError, match=r"progress: (done|total) must be a number"):
        progress(*wrong)


@pytest.mark.parametrize(
    "wrong", [float("nan"), Decimal("NaN"), Decimal("-sNaN7"), float("inf"), Decimal("Infinity")]
)
def test_a_number_that_no_bar_can_show_is_refused_and_named(wrong):
    for name, given in (("done", (wrong,)), ("total", (1, wrong))):
        with pytest.raises(ValueError, match=re.escape(f"{name} must be a number")) as raised:
            progress(*given)
        assert f"not {wrong!r}. Give" in str(raised.value)
    with pytest.raises(ValueError, match=re.escape(f"not {wrong!r}.")):
        track("abc", total=wrong)


@pytest.mark.parametrize(
    ("done", "total"),
    [(Decimal("0.5"), 2), (Fraction(1, 2), 2), (10**18, 4 * 10**18), (1e100, 4e100)],
)
def test_numbers_of_any_kind_and_size_can_be_told(product, done, total):
    @declared
    def body(product):
        progress(done, total)

    assert work(body.delayed(product)).progress == Progress(float(done), total, "", 0.25)


def test_a_range_that_is_longer_than_a_length_can_be_is_tracked(product):
    @declared
    def body(product):
        return next(iter(track(range(10**30))))

    row = work(body.delayed(product))
    assert row.get_result() == 0
    assert row.progress.total is None


def test_values_of_sensitive_arguments_are_masked_in_notes(product):
    @declared(sensitive=["token"])
    def body(product, token):
        progress(1, 2, note=f"with {token}")

    assert work(body.delayed(product, "s3cret")).progress == Progress(1, 2, "with ••••", 0.5)


def test_a_note_that_no_database_takes_is_kept_as_far_as_it_can_be(product):
    @declared
    def body(product):
        progress(1, 2, note="a\0b \ud800")

    assert work(body.delayed(product)).progress == Progress(1, 2, "a\\x00b \\ud800", 0.5)


# --- asynchronous ---------------------------------------------------------------------


def test_asynchronous_iterables_are_tracked_too(product):
    async def three():
        for number in range(3):
            yield number

    async def collect():
        return [item async for item in track(three(), total=3, note="async")]

    @declared
    def body(product):
        return asyncio.run(collect())

    row = work(body.delayed(product))
    assert row.get_result() == [0, 1, 2]
    assert row.progress == Progress(3, 3, "async", 1.0)


def test_a_note_may_be_a_text_that_is_translated_late(product):
    note = lazystr("gluing")

    @declared
    def body(product):
        progress(1, 2, note=note)
        return list(track([1, 2], note=note))

    assert work(body.delayed(product)).progress.note == "gluing"


def test_track_refuses_what_it_cannot_write():
    with pytest.raises(TypeError, match="note must be text"):
        track([], note=3)
    assert issubclass(TaskCancelled, Exception)


def test_a_body_that_has_locked_its_own_row_does_not_wait_for_itself(product, always):
    @declared(atomic=True, bind=True)
    def body(self, product):
        Task.objects.filter(pk=self.row.pk).update(priority=3)
        return len(list(track("abc")))

    row = work(body.delayed(product))
    assert row.is_finished, row.error
    assert row.priority == 3
    assert row.progress.done == 3


def test_loops_one_after_another_have_a_bar_each(product, always):
    found = []

    @declared(bind=True)
    def body(self, product):
        for _ in track("ab", note="first"):
            pass
        for _ in track("cdef", note="second"):
            found.append(seen(self.row.pk))

    row = work(body.delayed(product))
    assert found[2] == Progress(2, 4, "second", 0.5)
    assert row.progress == Progress(4, 4, "second", 1.0)


def test_loops_in_loops_that_look_alike_are_told_apart(product, always):
    fractions = []

    @declared(bind=True)
    def body(self, product):
        for _ in track("ab"):
            for _ in track("cd"):
                fractions.append(seen(self.row.pk).fraction)

    assert work(body.delayed(product)).progress == Progress(2, 2, "", 1.0)
    assert fractions == [0.0, 0.25, 0.5, 0.75]


def test_a_body_may_copy_and_pickle_its_row_while_it_tells(product, always):
    @declared(bind=True, atomic=True)
    def body(self, product):
        for _ in track("ab"):
            assert pickle.loads(pickle.dumps(copy.deepcopy(self.row))).pk == self.row.pk

    assert work(body.delayed(product)).is_finished
