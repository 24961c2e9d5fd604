"""Contexts that raise, swallow, or say what is no JSON; and those without which nothing runs."""

import logging

import pytest
from django.core.exceptions import ImproperlyConfigured

from boogie.apps.tasks import Task
from boogie.apps.tasks.execution import losses, start
from tests.db.contexts import passengers
from tests.project.shop.models import Product
from tests.support.runs import declared, now_due, work

pytestmark = pytest.mark.django_db

LOGGERS = "boogie.apps.tasks.serialization.carried"

say = declared(lambda product: passengers.current.get())


def fall(product):
    raise ValueError("no")


def told(caplog):
    return [record for record in caplog.records if record.name == LOGGERS]


@pytest.mark.parametrize("kind", [passengers.CannotCapture, passengers.NotJSON])
@pytest.mark.parametrize("many", [False, True])
def test_what_cannot_be_captured_is_logged_once_and_left_out(travelling, pen, caplog, kind, many):
    _, other = travelling(kind, passengers.Word)
    pens = [pen, Product.objects.create(name="other pen")]
    rows = list(say.each(pens)) if many else [say.delayed(pen)]
    for row in rows:
        assert row.context == {other: "outside"}
        assert work(row).is_finished
    (record,) = told(caplog)
    assert record.levelno == logging.WARNING
    assert kind.__name__ in record.getMessage()
    assert record.exc_info


def test_what_is_too_large_is_left_out(travelling, pen, caplog, settings, monkeypatch):
    travelling(passengers.Word, MAX_ARGUMENTS_SIZE=100)
    monkeypatch.setattr(passengers.Word, "capture", lambda self: "x" * 200)
    assert say.delayed(pen).context == {}
    assert "MAX_ARGUMENTS_SIZE" in str(told(caplog)[0].exc_info[1])


@pytest.mark.parametrize("kind", [passengers.CannotRestore, passengers.CannotEnter])
def test_what_cannot_be_restored_is_logged_once_for_a_row(travelling, pen, caplog, kind):
    travelling(kind, passengers.Word)
    runs = []

    def again(self, product):
        runs.append(passengers.current.get())
        if len(runs) < 3:
            self.retry(countdown=0)

    row = declared(again, bind=True).delayed(pen)
    for _ in range(3):
        work(now_due(row))
    assert row.is_finished
    assert runs == ["outside"] * 3
    assert len(told(caplog)) == 1
    assert str(row.pk) in told(caplog)[0].getMessage()


@pytest.mark.parametrize("body", [declared(lambda product: 1), declared(fall)])
def test_what_raises_at_the_end_changes_nothing(travelling, pen, caplog, body):
    travelling(passengers.Word, passengers.CannotLeave, passengers.Word)
    row = work(body.delayed(pen))
    assert row.is_finished or row.error == "ValueError: no"
    assert len(told(caplog)) == 1
    assert sum(line.startswith("left") for line in passengers.log) == 1


@pytest.mark.parametrize("kind", [passengers.ExitsAtBeginning, passengers.ExitsAtEnd])
@pytest.mark.parametrize("body", [declared(lambda product: 1), declared(fall)])
def test_an_exception_of_any_class_ends_neither_run_nor_process(
    travelling, pen, caplog, kind, body
):
    travelling(passengers.Word, kind)
    row = work(body.delayed(pen))
    assert row.is_finished or row.error == "ValueError: no"
    assert len(told(caplog)) == 1
    assert passengers.log[-1].startswith("left")
    assert passengers.current.get() == "outside"


@pytest.mark.parametrize("kind", [passengers.ExitsAtBeginning, passengers.ExitsAtEnd])
def test_a_row_whose_process_died_has_failed_before_its_contexts_are_entered(
    travelling, pen, monkeypatch, kind
):
    travelling(kind)
    row = declared(lambda product: 1, rescue=False).delayed(pen)
    seen = []
    restore = kind.restore

    def look(self, data):
        seen.append(Task.objects.get(pk=row.pk).status)
        return restore(self, data)

    monkeypatch.setattr(kind, "restore", look)
    losses.lose(start.claim_row(row.pk, [row.name]), "it was killed")
    row.refresh_from_db()
    assert row.is_failed
    assert seen == ["failed"]


@pytest.mark.parametrize("atomic", [False, True])
def test_who_swallows_an_exception_makes_no_success_of_it(travelling, pen, atomic):
    travelling(passengers.Swallows)
    body = declared(fall, atomic=atomic)
    assert work(body.delayed(pen)).error == "ValueError: no"
    with pytest.raises(ValueError, match="no"):
        body.call(pen)
    assert passengers.log[-1] == "swallowed ValueError"


def test_a_call_passes_on_nothing_of_what_contexts_raise(travelling, pen, caplog):
    travelling(passengers.CannotCapture, passengers.CannotEnter, passengers.CannotLeave)
    assert say.call(pen) == "outside"
    assert len(told(caplog)) == 3


# --- required -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "error"),
    [(passengers.MustCapture, RuntimeError), (passengers.MustBeJSON, ValueError)],
)
def test_what_is_required_and_cannot_be_captured_refuses_every_door(travelling, pen, kind, error):
    travelling(kind)
    for make in (
        lambda: say.delayed(pen),
        lambda: say.paused(pen),
        lambda: say.schedule(5, pen),
        lambda: say.each([pen]),
        lambda: say.call(pen),
    ):
        with pytest.raises(error):
            make()
    assert not Task.objects.exists()


def test_what_is_required_and_cannot_be_restored_fails_the_attempt_before_the_body(
    travelling, pen, monkeypatch
):
    travelling(passengers.Word, passengers.MustRestore)
    runs = []
    body = declared(lambda product: runs.append(1))
    monkeypatch.setattr(Task, "get_object", lambda row: runs.append(2))
    row = work(body.delayed(pen))
    assert row.error == "RuntimeError: cannot restore"
    assert "MustRestore cannot be restored; it is required" in row.errors[0]["traceback"]
    assert passengers.log[-1] == "left by RuntimeError"
    with pytest.raises(RuntimeError, match="cannot restore"):
        body.call(pen)
    assert runs == []


def test_a_row_from_before_it_was_required_does_not_run(travelling, pen):
    row = say.delayed(pen)
    (path,) = travelling(passengers.Must)
    work(row)
    assert row.error.startswith("LookupError: the row")
    assert path in row.error


def test_required_and_nothing_to_take_along_is_fine(travelling, pen):
    (path,) = travelling(passengers.MayBeNothing)
    row = say.delayed(pen)
    assert row.context == {path: None}
    assert work(row).get_result() == "outside"


# --- settings -------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["no.such.place", f"{passengers.__name__}.WithArguments"])
def test_with_a_class_that_is_none_no_row_is_made_and_none_runs(travelling, pen, path):
    """It may have been a required one."""
    row = say.delayed(pen)
    travelling(path)
    with pytest.raises(ImproperlyConfigured):
        say.delayed(pen)
    assert work(row).error.startswith("ImproperlyConfigured: BOOGIE_TASKS['CONTEXTS'] names")
