"""
Events and traces of Sentry, without its integration of Celery.

That one patches Celery for the life of a process: it is tested with real workers.
"""

import pytest
import sentry_sdk

from boogie.apps.tasks import Task, TaskCancelled
from boogie.apps.tasks.contexts.scrubbing import scrubbed
from boogie.apps.tasks.execution import losses, start
from tests.project.shop import functions
from tests.support.runs import declared, now_due, work

pytestmark = pytest.mark.django_db

PATH = "boogie.apps.tasks.contexts.Sentry"


def fall(product):
    raise ValueError("no")


def test_the_trace_of_the_request_goes_on_in_the_run(sent, pen):
    with sentry_sdk.start_transaction(name="request") as request:
        row = declared(fall).delayed(pen)
    assert row.context[PATH]["sentry-trace"].split("-")[0] == request.trace_id
    work(row)
    outer, inner = sent("transaction")
    assert inner["contexts"]["trace"]["trace_id"] == request.trace_id
    assert inner["contexts"]["trace"]["parent_span_id"] == outer["contexts"]["trace"]["span_id"]
    assert inner["transaction"] == row.name
    (event,) = sent()
    assert event["contexts"]["trace"]["trace_id"] == request.trace_id


def test_a_failure_is_one_event_that_names_task_object_and_row(sent, pen):
    row = work(declared(fall).delayed(pen))
    (event,) = sent()
    assert event["exception"]["values"][0]["value"] == "no"
    about = {"task": row.name, "row": str(row.pk), "object": f"shop.product:{pen.pk}"}
    assert event["tags"] == {f"boogie.{name}": value for name, value in about.items()}
    assert event["contexts"]["boogie"] == {**about, "attempt": 1, "queue": row.queue}


def test_retries_and_cancellations_are_no_events(sent, pen):
    def again(self, product):
        self.retry(exc=ValueError("later"), countdown=0, max_retries=1)

    def cancelled(product):
        raise TaskCancelled("enough")

    work(declared(cancelled).delayed(pen))
    row = work(declared(again, bind=True).delayed(pen))
    assert row.is_queued
    assert sent() == []
    assert work(now_due(row)).is_failed
    assert len(sent()) == 1


def test_a_call_in_which_something_is_raised_is_one_event(sent, pen):
    try:
        declared(fall).call(pen)
    except ValueError as error:
        sentry_sdk.capture_exception(error)  # as the integration of Django does
    assert len(sent()) == 1
    assert sent()[0]["tags"]["boogie.object"] == f"shop.product:{pen.pk}"


def test_a_function_about_nothing_that_fails_is_one_event(sent):
    row = work(Task.objects.get(pk=functions.broken.enqueue().id))
    assert row.is_failed
    (event,) = sent()
    assert event["tags"]["boogie.task"] == row.name
    assert event["tags"]["boogie.row"] == str(row.pk)
    assert event["tags"]["boogie.object"] is None


def test_a_run_that_was_lost_for_good_is_an_event(sent, pen):
    row = declared(fall, rescue=False).delayed(pen)
    losses.lose(start.claim_row(row.pk, [row.name]), "it was killed")
    (event,) = sent()
    assert event["exception"]["values"][0]["type"] == "WorkerLost"
    assert event["tags"]["boogie.row"] == str(row.pk)


class Holder:
    def __init__(self, inside):
        self.inside = inside

    def __repr__(self):
        return f"<{self.inside}>"


def careless(product, token, pin):
    sentry_sdk.add_breadcrumb(message=f"with {token}")
    raise ValueError(f"{token} and {pin}")


def test_what_is_sensitive_is_in_no_event(sent, pen):
    work(declared(careless, sensitive=("token", "pin")).delayed(pen, "open sesame", 4711))
    (event,) = sent()
    assert event["exception"]["values"][0]["value"] == "•••• and ••••"
    assert event["breadcrumbs"]["values"][0]["message"] == "with ••••"
    assert "open sesame" not in repr(event)


def test_local_variables_are_masked_whatever_they_are():
    hidden = ("sesame", "4711")
    held = {"deep": [("sesame",), Holder("sesame")], "sesame": 4711, "plain": [1, None, "x"]}
    masked = {"deep": [["••••"], "<••••>"], "••••": "••••", "plain": [1, None, "x"]}
    assert scrubbed(held, hidden) == masked
    untouched = Holder("nothing")
    assert scrubbed(untouched, hidden) is untouched


def test_scopes_end_with_their_runs(sent, pen):
    body = declared(lambda product: sentry_sdk.set_tag("left", "over"))
    work(body.delayed(pen))
    sentry_sdk.capture_message("afterwards")
    assert sent()[0].get("tags", {}) == {}


def test_without_sentry_nothing_is_sent_and_nothing_fails(travelling, pen):
    travelling(PATH)
    row = declared(lambda product: 1).delayed(pen)
    assert row.context == {PATH: {}}
    assert work(row).is_finished
