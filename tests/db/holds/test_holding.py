"""Queues and tasks that are held: no row of theirs starts, until they are released."""

import pytest
from asgiref.sync import async_to_sync
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.core.exceptions import SynchronousOnlyOperation
from django.db import transaction
from django.utils import timezone

from boogie.apps.tasks import Task, queues
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.execution import expiry, losses, start
from boogie.apps.tasks.holds import audit, looking, naming, switch
from boogie.apps.tasks.lifecycle import parking, transitions
from boogie.apps.tasks.models import Hold
from boogie.apps.tasks.testing import run_tasks
from boogie.apps.tasks.transport import delivery
from tests.project.shop import functions
from tests.project.shop.models import Product
from tests.support.rows import HOUR, columns, stored
from tests.support.runs import by_call, declared, now_due, work

pytestmark = pytest.mark.django_db

clean = declared(
    lambda obj: str(obj), name="db.holds.clean", queue="slow", aliases=["db.holds.old"]
)
other = declared(lambda obj: str(obj), name="db.holds.other", queue="slow")
again = declared(
    lambda obj: 1 / 0, name="db.holds.again", queue="slow", autoretry_for=(ZeroDivisionError,)
)


@pytest.fixture
def product():
    return Product.objects.create(name="thing")


@pytest.fixture
def ada():
    return get_user_model().objects.create(username="ada")


def hold_queue():
    queues.hold("slow")


def release_queue():
    queues.release("slow")


def hold_task():
    clean.hold()


def release_task():
    clean.release()


both = pytest.mark.parametrize(
    ("hold", "release", "key"),
    [
        (hold_queue, release_queue, "queue:slow"),
        (hold_task, release_task, "task:db.holds.clean"),
    ],
    ids=["queue", "task"],
)


# --- what starts ----------------------------------------------------------------------


@both
def test_a_row_that_is_told_to_a_worker_is_parked_while_it_is_held(hold, release, key, product):
    row = clean.delayed(product)
    hold()
    assert work(row).is_queued
    assert (row.held_by, row.due, row.attempt) == (key, None, 0)
    release()
    row.refresh_from_db()
    assert row.held_by == ""
    assert work(row).is_finished


@both
def test_rows_are_made_and_moved_by_hand_while_it_is_held(hold, release, key, product):
    hold()
    row = clean.delayed(product)
    assert row.is_queued
    work(row)
    assert row.pause()
    assert (row.is_paused, row.held_by) == (True, "")
    assert row.run()
    assert work(row).held_by == key
    assert row.cancel()
    assert row.retry()
    assert work(row).is_queued


def test_the_rest_of_a_held_queue_and_of_a_held_task_goes_on(product):
    clean.hold()
    assert work(other.delayed(product)).is_finished
    clean.release()
    queues.hold("slow")
    assert work(clean.using(queue="fast").delayed(product)).is_finished
    assert work(other.delayed(product)).is_queued


def test_call_is_not_held_back(product):
    queues.hold("slow")
    clean.hold()
    assert by_call(clean, product).is_finished


def test_a_row_under_an_old_name_of_the_task_is_held_with_it(product):
    row = stored("queued", product, name="db.holds.old", queue="slow")
    clean.hold()
    assert work(row).held_by == "task:db.holds.clean"
    clean.release()
    assert work(row).is_finished


def test_what_was_held_under_its_old_name_stays_held_under_the_new_one(product):
    Hold.objects.create(key="task:db.holds.old")
    row = clean.delayed(product)
    assert clean.is_held
    assert not clean.hold()
    assert work(row).held_by == "task:db.holds.old"
    assert clean.release()
    assert work(row).is_finished
    assert not clean.is_held


def test_the_retry_of_a_run_that_had_begun_waits_for_the_release(product):
    row = again.delayed(product)
    assert work(row).attempt == 1
    again.hold()
    assert work(now_due(row)).attempt == 1
    again.release()
    assert work(row).attempt == 2


def test_a_row_that_is_rescued_waits_for_the_release(product):
    row = stored("running", product, name=clean.name, queue="slow")
    clean.hold()
    losses.lose(row, "it died")
    assert work(now_due(row)).attempt == 3
    clean.release()
    assert work(row).is_finished


@both
def test_a_row_whose_time_has_not_come_is_not_parked_before_it(hold, release, key, product):
    row = clean.schedule(3600, product)
    hold()
    before = columns(row)
    assert work(row).is_queued
    assert columns(row) == before
    assert work(now_due(row)).held_by == key


def test_a_row_that_is_held_expires(product):
    row = clean.using(expires=60).delayed(product)
    queues.hold("slow")
    assert work(row).held_by
    Task.objects.update(expires=timezone.now() - HOUR)
    assert expiry.expire(Task.objects.all()) == 1
    row.refresh_from_db()
    assert (row.is_cancelled, row.held_by) == (True, "")


@both
def test_run_tasks_leaves_what_is_held(hold, release, key, product):
    row = clean.delayed(product)
    hold()
    assert run_tasks()["finished"] == 0
    row.refresh_from_db()
    assert row.is_queued
    release()
    assert run_tasks()["finished"] == 1


def test_run_tasks_takes_nothing_that_a_body_has_held(product):
    holder = declared(lambda obj: queues.hold("slow"), queue="fast", priority=9)
    rows = [holder.delayed(product), clean.delayed(product)]
    assert run_tasks()["finished"] == 1
    rows[1].refresh_from_db()
    assert rows[1].is_queued


def test_a_function_of_django_tasks_is_held_by_its_queue_and_by_its_path():
    result = functions.add.enqueue(1)
    row = Task.objects.get(pk=result.id)
    queues.hold(row.queue)
    assert work(row).held_by == f"queue:{row.queue}"
    queues.release(row.queue)
    key = naming.task_key(row.name)
    assert switch.hold(key)
    assert work(row).held_by == f"task:{row.name}"
    switch.release(key)
    assert work(row).is_finished


# --- looking --------------------------------------------------------------------------


def test_a_held_queue_is_fetched_from_no_more_and_others_are(product):
    for body in (clean, clean.using(queue="fast"), other):
        body.delayed(product)
    transitions.release(Task.objects.queued())  # as on boogie://, where no doorbell is rung
    queues.hold("slow")
    assert [row.message["properties"]["delivery_info"]["routing_key"]
            for row in delivery.reserve_rows(["slow", "fast"], 10)] == ["fast"]  # fmt: skip
    assert delivery.reserve_rows(["slow"], 10) == []
    queues.release("slow")
    assert len(delivery.reserve_rows(["slow"], 10)) == 2


def test_one_refusal_parks_what_else_waits_of_a_held_task(product):
    rows = list(clean.each([product] * 3))
    later = clean.schedule(3600, product)
    clean.hold()
    work(rows[0])
    assert {columns(row)["held_by"] for row in rows} == {"task:db.holds.clean"}
    assert columns(later)["held_by"] == ""


def test_what_waits_of_a_queue_is_left_where_it_is(product):
    rows = list(clean.each([product] * 3))
    queues.hold("slow")
    work(rows[0])
    assert [columns(row)["held_by"] for row in rows] == ["queue:slow", "", ""]


# --- who, when, why -------------------------------------------------------------------


def test_a_hold_says_who_made_it_when_and_why(ada):
    assert queues.hold("slow", by=ada, reason="the database moves")
    hold = Hold.objects.get()
    assert (hold.by, hold.by_name, hold.reason) == (ada, "ada", "the database moves")
    assert (hold.kind, hold.name, str(hold)) == ("queue", "slow", "queue:slow")
    assert abs(timezone.now() - hold.since) < HOUR
    assert queues.held() == ["slow"]


def test_a_second_hold_changes_nothing_and_says_so(ada):
    queues.hold("slow", by=ada, reason="first")
    before = Hold.objects.values().get()
    assert not queues.hold("slow", reason="second")
    assert Hold.objects.values().get() == before


def test_a_release_of_what_is_not_held_says_so():
    assert not queues.release("slow")
    assert not clean.release()
    queues.hold("slow")
    assert queues.release("slow")
    assert not queues.release("slow")


def test_what_was_released_can_be_held_again(ada):
    queues.hold("slow", reason="first")
    queues.release("slow")
    assert queues.hold("slow", by=ada, reason="second")
    assert (Hold.objects.get().reason, Hold.objects.get().by_name) == ("second", "ada")
    assert queues.held() == ["slow"]


def test_the_log_of_the_admin_keeps_who_held_and_released_and_why(ada):
    queues.hold("slow", by=ada, reason="the database moves")
    queues.hold("slow", by=ada, reason="again")
    queues.release("slow", by=ada, reason="it has moved")
    entries = LogEntry.objects.order_by("pk").values_list("user", "object_id", "change_message")
    assert list(entries) == [
        (ada.pk, "queue:slow", "Hold: the database moves"),
        (ada.pk, "queue:slow", "Release: it has moved"),
    ]


def test_the_log_of_the_process_keeps_it_whoever_it_was(ada, caplog):
    caplog.set_level("INFO", "boogie.apps.tasks.holds")
    clean.hold(by=ada, reason="why")
    clean.release()
    assert [record.getMessage() for record in caplog.records] == [
        "task:db.holds.clean was held by ada: why",
        "task:db.holds.clean was released: -",
    ]
    assert not LogEntry.objects.filter(change_message__startswith="Release").exists()


def test_a_hold_is_taken_back_with_its_transaction():
    with transaction.atomic():
        queues.hold("slow")
        assert queues.held() == ["slow"]
        transaction.set_rollback(True)
    assert queues.held() == []


@pytest.mark.parametrize("name", ["", "x" * 256, "a\0b"])
def test_what_is_no_name_of_a_queue_is_refused(name):
    with pytest.raises(ValueError, match="The name of a queue has"):
        queues.hold(name)


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError, match="The name of a queue is text, not None"):
        queues.hold(None)
    with pytest.raises(TypeError, match="A reason is text, not 3"):
        queues.hold("slow", reason=3)
    with pytest.raises(ValueError, match="at most 1000 characters"):
        clean.hold(reason="x" * 1001)


def test_a_task_that_is_not_known_is_refused_with_what_is_near():
    with pytest.raises(LookupError, match=r"no task 'db\.holds\.clear'; is it db\.holds\.clean"):
        naming.task_key("db.holds.clear")
    with pytest.raises(LookupError, match=r"no task 'clean'; is it .*db\.holds\.clean"):
        naming.task_key("clean")
    with pytest.raises(LookupError, match=r"no task 'zzzzzz'\.$"):
        naming.task_key("zzzzzz")
    assert naming.task_key("db.holds.old") == "task:db.holds.clean"


# --- in an event loop -----------------------------------------------------------------


def test_all_of_it_can_be_awaited():
    async def go():
        assert await queues.ahold("slow", reason="why")
        assert await queues.aheld() == ["slow"]
        assert await queues.arelease("slow")
        assert await clean.ahold()
        assert await clean.ais_held()
        assert await clean.arelease()

    async_to_sync(go)()


@pytest.mark.parametrize(
    "act",
    [
        lambda: queues.hold("slow"),
        lambda: queues.release("slow"),
        queues.held,
        clean.hold,
        clean.release,
        lambda: clean.is_held,
    ],
)
def test_without_the_a_it_is_refused_there(act):
    async def go():
        act()

    with pytest.raises(SynchronousOnlyOperation, match=r"await a"):
        async_to_sync(go)()


# --- keepers --------------------------------------------------------------------------


def test_a_keeper_wakes_what_a_release_has_left_asleep(product):
    row = clean.delayed(product)
    queues.hold("slow")
    work(row)
    Hold.objects.update(released=Moment(-1))
    switch.finish()
    assert columns(row)["held_by"] == ""
    assert Hold.objects.exists()  # it tells rows whose claim it has just refused


def test_a_keeper_forgets_what_was_released_a_while_ago(product):
    queues.hold("slow")
    clean.hold()
    Hold.objects.filter(pk="queue:slow").update(released=Moment(-60))
    switch.finish()
    assert [hold.key for hold in looking.active()] == ["task:db.holds.clean"]
    assert Hold.objects.count() == 1


def test_a_row_whose_hold_was_released_a_moment_ago_starts_at_once(product, monkeypatch):
    row = clean.delayed(product)
    queues.hold("slow")
    original, asked = start.refused.may_start, []

    def may_start(*args):
        queues.release("slow")
        asked.append(original(*args))
        return asked[-1]

    monkeypatch.setattr(start.refused, "may_start", may_start)
    assert work(row).is_finished
    assert asked == [True]


def test_a_release_wakes_many_in_chunks(product, monkeypatch):
    monkeypatch.setattr(switch, "CHUNK", 2)
    rows = list(clean.each([product] * 5))
    clean.hold()
    work(rows[0])
    assert parking.parked(Task.objects.all()).count() == 5
    clean.release()
    assert not parking.parked(Task.objects.all()).exists()


def test_a_project_without_the_admin_has_the_log_of_the_process_alone(ada, caplog, monkeypatch):
    caplog.set_level("INFO", "boogie.apps.tasks.holds")
    monkeypatch.setattr(audit.apps, "is_installed", lambda name: False)
    queues.hold("slow", by=ada)
    assert "queue:slow was held by ada" in caplog.text
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize("nobody", ["ada", 7])
def test_who_holds_is_a_user(nobody):
    with pytest.raises(TypeError, match="A user is asked for, or None; this is"):
        queues.hold("slow", by=nobody)
    assert not queues.held()
