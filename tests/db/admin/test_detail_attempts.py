"""The list of attempts: what became of each, as far as a row tells; and the way it took."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.admin.detail import attempts, path
from boogie.apps.tasks.exceptions import WorkerLost
from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.lifecycle import diagram, states
from tests.support.rows import stored
from tests.support.runs import by_worker, declared, now_due, work

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def entry(number, minutes=0, kind="x.Error"):
    at = (NOW + timedelta(minutes=minutes)).isoformat()
    return {"attempt": number, "type": kind, "message": f"m{number}", "traceback": "t", "at": at}


@declared(bind=True, max_retries=2)
def fail(self, product, until=9):
    if self.row.attempt <= until:
        raise self.retry(countdown=0, exc=ValueError("no"))


def told(row):
    row = Task.objects.get(pk=row.pk)
    return [(attempt.number, attempt.outcome) for attempt in attempts.of(row)]


def way(row):
    row = Task.objects.get(pk=row.pk)
    return [name for name, _source, _target in path.path(row, attempts.of(row))]


# --- what became of each --------------------------------------------------------------------


def test_attempts_that_failed_were_retried_but_for_the_last(pen):
    row = by_worker(fail, pen)
    assert told(row) == [(1, "retried"), (2, "retried"), (3, "failed")]
    assert way(row) == ["create queued", *["claim", "retry"] * 2, "claim", "fail"]


def test_a_row_that_finished_in_the_end(pen):
    row = by_worker(fail, pen, until=1)
    assert told(row) == [(1, "retried"), (2, "finished")]
    assert way(row) == ["create queued", "claim", "retry", "claim", "finish"]


def test_a_worker_that_was_lost_is_told_from_an_error(pen):
    row = stored("running", pen, attempt=1)
    losses.lose(row, "killed")
    assert told(row) == [(1, "rescued")]
    assert way(row) == ["create queued", "claim", "rescue"]


def test_a_failed_row_that_was_queued_again_by_hand(pen):
    row = by_worker(fail, pen)
    row.retry()
    assert told(row)[-1] == (3, "failed")
    assert way(row)[-2:] == ["fail", "requeue"]
    work(now_due(row))
    assert told(row)[-2:] == [(3, "failed"), (4, "retried")]


def test_a_cancelled_attempt_leaves_no_entry_and_is_told_of(pen):
    row = stored("running", pen, name=fail.name, attempt=1)
    row.cancel()
    assert told(row) == [(1, "cancelled")]
    assert way(row) == ["create queued", "claim", "cancel"]
    row.retry()
    assert told(row) == [(1, "cancelled")]
    assert way(row) == ["create queued", "claim", "cancel", "requeue"]
    work(now_due(row))
    assert told(row)[0] == (1, "cancelled")


def test_a_row_that_was_cancelled_while_it_waited_to_be_tried_again(pen):
    row = fail.delayed(pen)
    work(row)
    row.cancel()
    assert told(row) == [(1, "retried")]
    assert way(row) == ["create queued", "claim", "retry", "cancel"]


def test_of_earlier_lives_nobody_knows_how_an_attempt_came_back():
    row = stored("failed", attempt=3, errors=[entry(1), entry(2), entry(3)])
    assert told(row) == [(1, "again"), (2, "failed"), (3, "failed")]


def test_a_row_that_never_ran_has_no_attempts(pen):
    for row, expected in [
        (fail.paused(pen), ["create paused"]),
        (fail.delayed(pen), ["create queued"]),
        (fail.schedule(60, pen), ["create queued"]),
    ]:
        assert told(row) == []
        assert way(row) == expected


def test_a_call_begins_as_a_running_row(pen):
    fail.call(pen, until=0)
    assert way(Task.objects.get()) == ["create running", "finish"]


# --- times ------------------------------------------------------------------------------------


def test_of_the_last_attempt_wait_and_run_time_are_known():
    row = stored(
        "failed",
        created=NOW - timedelta(minutes=60),
        started=NOW - timedelta(minutes=20),
        ended=NOW - timedelta(minutes=5),
        attempt=2,
        retries=1,
        errors=[entry(1, -30), entry(2, -5)],
    )
    first, last = attempts.of(row)
    minutes = timedelta(minutes=1)
    assert (first.waited, first.ran, first.took) == (None, None, 30 * minutes)
    assert (last.waited, last.ran, last.took) == (10 * minutes, 15 * minutes, None)


def test_no_time_is_negative_whatever_the_clocks_say():
    row = stored(
        "failed",
        created=NOW,
        started=NOW - timedelta(minutes=20),
        ended=NOW - timedelta(minutes=25),
        attempt=2,
        retries=1,
        errors=[entry(1, -10), entry(2, -25)],
    )
    for attempt in attempts.of(row):
        for span in (attempt.waited, attempt.ran, attempt.took):
            assert span is None or span >= timedelta()


@pytest.mark.parametrize("at", [None, "", "soon", "2026-01-02T03:04:05+00:00"])
def test_an_entry_with_any_time_is_told_of(at):
    row = stored("failed", attempt=1, errors=[{**entry(1), "at": at}])
    assert [one.error.message for one in attempts.of(row)] == ["m1"]


# --- very many --------------------------------------------------------------------------------


def page(client, row):
    return client.get(reverse("admin:boogie_tasks_task_change", args=[row.pk])).content.decode()


def test_a_row_that_was_tried_75_times_says_how_many_attempts_are_left_out(client, root):
    kept = [*range(1, 11), *range(36, 76)]
    row = stored("failed", attempt=75, retries=74, errors=[entry(number) for number in kept])
    assert [number for number, _outcome in told(row)] == kept
    text = page(client, row)
    assert "25 attempts are left out" in text
    numbers = re.findall(r"Attempt (\d+)<", text)
    assert numbers == [str(number) for number in reversed(kept)]


@pytest.mark.parametrize("missing", [1, 8, 10])
def test_few_attempts_that_are_left_out_are_not_told_as_cancelled(missing):
    kept = [*range(1, 11), *range(11 + missing, 51 + missing)]
    entries = [entry(number) for number in kept]
    row = stored("failed", attempt=kept[-1], retries=kept[-1] - 1, errors=entries)
    assert [number for number, _outcome in told(row)] == kept
    assert "cancelled" not in dict(told(row)).values()
    assert attempts.of(row)[10].left_out == missing


def test_the_page_of_a_row_with_50_huge_errors_is_made_in_time(client, root):
    row = stored("failed", attempt=50, retries=49)
    errors = [{**entry(number), "traceback": "x" * 5000} for number in range(1, 51)]
    Task.objects.filter(pk=row.pk).update(errors=errors)
    assert page(client, row).count("<details>") >= 49


# --- the machine --------------------------------------------------------------------------------


def edges(text):
    found = re.findall(
        r'<path class="boogie-edge( is-taken)?"[^>]* data-arrow="([^"]+)" data-source="(\w*)" '
        r'data-target="(\w+)"',
        text,
    )
    return {(name, source, target): bool(taken) for taken, name, source, target in found}


def test_every_arrow_there_is_is_drawn_from_each_of_its_sources(client, root):
    drawn = edges(page(client, stored("paused")))
    assert set(drawn) == {
        (arrow.name, source, arrow.target)
        for arrow in states.ARROWS
        for source in (arrow.sources or {diagram.START})
    }


def test_every_status_has_its_box_and_the_one_of_now_is_marked(client, root):
    text = page(client, stored("failed"))
    boxes = dict(re.findall(r'<g class="boogie-box([^"]*)" data-status="(\w+)"', text))
    statuses = re.findall(r'<g class="boogie-box[^"]*" data-status="(\w+)"', text)
    assert sorted(statuses) == sorted(str(status) for status, _label in states.STATUS)
    assert boxes[" is-taken is-now"] == "failed"


def test_the_way_that_was_taken_is_emphasised_and_said_in_words(client, root, pen):
    text = page(client, by_worker(fail, pen))
    taken = {key for key, is_taken in edges(text).items() if is_taken}
    assert taken == {
        ("create queued", "", "queued"),
        ("claim", "queued", "running"),
        ("retry", "running", "queued"),
        ("fail", "running", "failed"),
    }
    words = "attempt 1: failed, retried; attempt 2: failed, retried; attempt 3: failed; now: failed"
    assert words in re.search(r"<desc[^>]*>(.*?)</desc>", text)[1]
    assert "<title" in text


def test_the_page_has_no_style_or_script_of_its_own(client, root, pen):
    text = page(client, by_worker(fail, pen)).partition('id="content-main"')[2]
    text = text.partition("<footer")[0]
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*src=)", text)


def test_a_lost_worker_is_what_the_entry_says():
    assert attempts.LOST == "boogie.apps.tasks.exceptions.WorkerLost"
    assert WorkerLost.__qualname__ in attempts.LOST
