"""What is captured when a row is made, by whichever door, and restored around its runs."""

from contextlib import contextmanager

import pytest
from django.db import connection

from boogie.apps.tasks import BoogieTask, Task, task_failed, task_finished, task_started
from boogie.apps.tasks.db import features
from boogie.apps.tasks.execution import losses, start
from boogie.apps.tasks.lifecycle import claim
from tests.db.contexts import passengers
from tests.project.shop.models import Product
from tests.support.runs import declared, now_due, work

pytestmark = pytest.mark.django_db

say = declared(lambda product: passengers.current.get())


@contextmanager
def saying(word):
    token = passengers.current.set(word)
    try:
        yield
    finally:
        passengers.current.reset(token)


def doors(pen):
    yield "delayed", lambda: say.delayed(pen)
    yield "paused", lambda: say.paused(pen)
    yield "schedule", lambda: say.schedule(60, pen)
    yield "each", lambda: say.each([pen]).get()
    yield "each.paused", lambda: say.each.paused([pen]).get()
    yield "each.schedule", lambda: say.each.schedule(60, [pen]).get()
    yield "using", lambda: say.using(requested_by=None).delayed(pen)


@pytest.mark.parametrize("number", range(7))
def test_every_door_captures_and_the_worker_restores(travelling, pen, number):
    (path,) = travelling(passengers.Word)
    name, make = list(doors(pen))[number]
    with saying(name):
        row = make()
    assert Task.objects.get(pk=row.pk).context == {path: name} == row.context
    row.run()
    assert work(now_due(row)).get_result() == name
    assert passengers.log == ["captured", f"entered {name}", "left"]


def test_a_call_is_surrounded_as_well(travelling, pen):
    (path,) = travelling(passengers.Word)
    with saying("here"):
        assert say.call(pen) == "here"
    assert say.tasks().get().context == {path: "here"}
    assert passengers.log == ["captured", "entered here", "left"]


def test_of_many_rows_it_is_captured_once(travelling):
    travelling(passengers.Word)
    pens = [Product.objects.create(name=f"pen {n}") for n in range(3)]
    rows = say.each(pens, chunk_size=1)
    assert [len(row.context) for row in rows] == [1, 1, 1]
    assert passengers.log == ["captured"]


def test_a_row_that_takes_nothing_along_has_an_empty_dict_and_null_in_its_column(travelling, pen):
    travelling(passengers.Nothing)
    for row in (say.delayed(pen), say.each([pen]).get()):
        assert row.context == {}
        assert Task.objects.filter(pk=row.pk, context__isnull=True).exists()
        assert work(row).is_finished


def test_what_is_not_listed_any_more_is_left_alone(travelling, pen):
    (path,) = travelling(passengers.Word)
    row = say.delayed(pen)
    travelling()
    assert work(row).get_result() == "outside"
    assert row.context == {path: "outside"}


def test_a_retried_row_keeps_its_own_and_has_it_at_every_attempt(travelling, pen):
    (path,) = travelling(passengers.Word)
    heard = []

    def stumble(self, product):
        heard.append(passengers.current.get())
        if len(heard) == 1:
            self.retry(countdown=0)
        if len(heard) == 2:
            raise ValueError("by hand, then")

    with saying("first"):
        row = declared(stumble, bind=True).delayed(pen)
    with saying("elsewhere"):
        assert work(row).is_queued
        assert work(now_due(row)).is_failed
        row.retry()
        assert work(row).is_finished
    assert heard == ["first"] * 3
    assert row.context == {path: "first"}
    assert [line for line in passengers.log if "left" in line] == [
        "left by Retry",
        "left by ValueError",
        "left",
    ]


def test_rows_that_a_body_makes_take_along_what_was_restored(travelling, pen):
    (path,) = travelling(passengers.Word)
    parent = declared(lambda product: say.delayed(product).pk)
    with saying("far"):
        row = parent.delayed(pen)
    work(row)
    assert say.tasks().get().context == {path: "far"}


def test_hooks_are_within(travelling, pen):
    travelling(passengers.Word)
    heard = []

    class Hooks(BoogieTask):
        name = "tests.contexts.hooks"

        def note(self, *args, **kwargs):
            heard.append(passengers.current.get())

        before_start = on_failure = after_return = note

        def run(self, product):
            raise ValueError("no")

    with saying("far"):
        row = Hooks.as_task().delayed(pen)
    assert work(row).is_failed
    assert heard == ["far"] * 3


def test_the_object_is_read_within(travelling, pen, monkeypatch):
    travelling(passengers.Word)
    heard = []
    read = Task.get_object

    def get_object(row):
        heard.append(passengers.current.get())
        return read(row)

    monkeypatch.setattr(Task, "get_object", get_object)
    monkeypatch.setattr(start, "_kinds", {})
    with saying("far"):
        row = say.delayed(pen)
    work(row)
    assert heard == ["far"]


def test_what_is_done_for_a_run_whose_process_died_is_within(travelling, pen):
    travelling(passengers.Word)
    heard = []

    class Lost(BoogieTask):
        name = "tests.contexts.lost"
        rescue = False

        def run(self, product):
            """Never."""

        def on_failure(self, *args):
            heard.append(passengers.current.get())

    with saying("far"):
        row = Lost.as_task().delayed(pen)
    claimed = start.claim_row(row.pk, [row.name])
    losses.lose(claimed, "it was killed")
    row.refresh_from_db()
    assert row.is_failed
    assert heard == ["far"]
    assert passengers.current.get() == "outside"
    assert passengers.log[-1] == "left by WorkerLost"


def test_contexts_are_entered_in_the_order_of_the_list_and_left_in_the_other(travelling, pen):
    travelling(passengers.Word, passengers.Must)
    work(say.delayed(pen))
    assert passengers.log == [*["captured"] * 2, *["entered outside"] * 2, *["left"] * 2]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [False, True])
def test_receivers_of_our_signals_are_within(travelling, pen, fails):
    travelling(passengers.Word)
    heard = []

    def body(product):
        if fails:
            raise ValueError("no")

    def receive(task, signal, **extra):
        heard.append((signal, passengers.current.get()))

    with saying("far"):
        row = declared(body).delayed(pen)
    ends = task_failed if fails else task_finished
    for signal in (task_started, ends):
        signal.connect(receive)
    try:
        work(row)
    finally:
        for signal in (task_started, ends):
            signal.disconnect(receive)
    assert heard == [(task_started, "far"), (ends, "far")]


@pytest.mark.parametrize("kind", [passengers.Word, passengers.Must])
def test_an_object_is_read_along_with_the_claim_unless_a_context_says_where_it_is(
    travelling, pen, monkeypatch, kind
):
    travelling(kind)
    monkeypatch.setattr(start, "_kinds", {})
    asked = []
    together = claim.claim_with_object
    monkeypatch.setattr(
        claim, "claim_with_object", lambda *a, **k: asked.append(1) or together(*a, **k)
    )
    for _ in range(2):
        assert work(say.delayed(pen)).is_finished
    may = features.reads_along(connection) and kind is passengers.Word
    assert len(asked) == (1 if may else 0)
