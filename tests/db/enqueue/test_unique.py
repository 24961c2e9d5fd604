"""Unique tasks: of calls that mean the same, one row."""

from datetime import UTC, datetime

import pytest
from django.db import connection, transaction
from django.db.models import signals

from boogie.apps.tasks import NotUnique, Task, task_queued
from boogie.apps.tasks.lifecycle import parking
from boogie.apps.tasks.testing import freeze, run_tasks, travel
from tests.project.shop.models import Product
from tests.support.rows import claim
from tests.support.runs import by_call, declared, now_due, work
from tests.support.statements import statements

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@pytest.fixture
def thing():
    return Product.objects.create(name="thing")


@pytest.fixture(params=["live", "waiting"])
def mode(request):
    return request.param


def nothing(obj, since=None, **more):
    pass


def test_a_second_call_returns_the_row_that_is_there(mode, thing):
    body = declared(nothing, unique=mode)
    first, second = body.delayed(thing), body.delayed(thing)
    assert (first.is_new, second.is_new) == (True, False)
    assert first == second
    assert Task.objects.named(body.name).count() == 1
    assert vars(second).keys() >= {"status", "due", "args", "created"}


@pytest.mark.parametrize("verb", ["delayed", "paused", "schedule"])
@pytest.mark.parametrize("before", ["delayed", "paused", "schedule"])
def test_each_verb_takes_the_row_of_each_other(mode, thing, before, verb):
    body = declared(nothing, unique=mode)
    made = {
        "delayed": lambda: body.delayed(thing),
        "paused": lambda: body.paused(thing),
        "schedule": lambda: body.schedule(60, thing),
    }
    first = made[before]()
    first.refresh_from_db()
    second = made[verb]()
    assert (second.is_new, second.pk) == (False, first.pk)
    assert (second.status, second.due, second.scheduled_for) == (
        first.status,
        first.due,
        first.scheduled_for,
    )


def test_a_row_of_another_task_is_new_each_time(thing):
    body = declared(nothing)
    assert [body.delayed(thing).is_new, body.delayed(thing).is_new] == [True, True]
    assert Task.objects.get(pk=body.paused(thing).pk).is_new is False


def test_true_is_live(thing):
    body = declared(nothing, unique=True)
    row = body.delayed(thing)
    assert claim(row)
    assert body.delayed(thing).is_new is False


def test_other_objects_have_places_of_their_own(mode, thing):
    body = declared(nothing, unique=mode)
    other = Product.objects.create(name="other")
    assert body.delayed(thing).is_new
    assert body.delayed(other).is_new


def test_arguments_make_no_difference_unless_they_are_named(mode, thing):
    body = declared(nothing, unique=mode, unique_by=["since"])
    assert body.delayed(thing, since=1).is_new
    assert body.delayed(thing, 1, x=2).is_new is False
    assert body.delayed(thing, since=2).is_new
    assert body.delayed(thing).is_new
    assert body.delayed(thing, None).is_new is False
    assert body.delayed(thing, since=True).is_new
    assert body.delayed(thing, since="1").is_new
    assert body.delayed(thing, since={"a": 1, "b": 2}).is_new
    assert body.delayed(thing, since={"b": 2, "a": 1}).is_new is False


def test_a_callable_says_what_makes_a_difference(thing):
    body = declared(nothing, unique=True, unique_by=lambda obj, since=None, **more: since or obj.pk)
    assert body.delayed(thing, since="a").is_new
    assert body.delayed(thing, "a").is_new is False
    assert body.delayed(thing).is_new
    with pytest.raises(TypeError, match="must return text or a number"):
        body.delayed(thing, since=[1])


def test_a_place_is_free_again_once_the_row_has_ended(mode, thing):
    body = declared(nothing, unique=mode)
    first = work(body.delayed(thing))
    assert first.is_finished
    second = body.delayed(thing)
    assert second.is_new
    second.cancel()
    assert body.delayed(thing).is_new


def test_an_edit_during_a_run_makes_one_more_of_a_waiting_task(thing):
    made = []

    def again(obj):
        made.append([body.delayed(obj).is_new, body.delayed(obj).is_new])

    body = declared(again, unique="waiting")
    work(body.delayed(thing))
    assert made == [[True, False]]


def test_a_live_one_is_there_while_it_runs(thing):
    made = []

    def again(obj):
        made.append(body.delayed(obj).is_new)

    body = declared(again, unique="live")
    work(body.delayed(thing))
    assert made == [False]


def test_nobody_is_told_of_a_row_that_was_there(mode, thing, django_capture_on_commit_callbacks):
    body = declared(nothing, unique=mode)
    told = []

    def note(task, **signal):
        told.append(task.pk)

    task_queued.connect(note)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            row = body.delayed(thing)
            body.delayed(thing)
    finally:
        task_queued.disconnect(note)
    assert told == [row.pk]


def test_it_works_for_who_listens_to_save(mode, thing):
    body = declared(nothing, unique=mode)
    told = []

    def note(instance, created, **signal):
        told.append(created)

    signals.post_save.connect(note, sender=Task)
    try:
        with transaction.atomic():
            first, second = body.delayed(thing), body.delayed(thing)
    finally:
        signals.post_save.disconnect(note, sender=Task)
    assert (first.is_new, second.is_new, first == second) == (True, False, True)
    assert told == [True]


def test_a_new_row_costs_one_statement(mode, thing):
    body = declared(nothing, unique=mode)
    body.delayed(Product.objects.create(name="before"))
    with statements() as made:
        body.delayed(thing)
    looks = connection.vendor == "mysql" and mode == "live"  # in a transaction
    assert len(made) == 1 + looks


# --- call() ---------------------------------------------------------------------------


def test_a_call_of_a_live_task_raises_the_row_that_is_there(thing):
    body = declared(nothing, unique="live")
    there = body.delayed(thing)
    with pytest.raises(NotUnique) as raised:
        body.call(thing)
    assert raised.value.row == there
    assert Task.objects.named(body.name).count() == 1


def test_a_call_of_a_waiting_task_runs(thing):
    body = declared(lambda obj: "ran", unique="waiting")
    body.delayed(thing)
    assert body.call(thing) == "ran"


def test_a_call_that_is_retried_leaves_who_waits_alone(thing):
    tries = []

    def shaky(self, obj):
        tries.append(1)
        if len(tries) == 1:
            waiting.append(body.delayed(obj))
            raise self.retry(countdown=0)
        return "ran"

    waiting = []
    body = declared(shaky, bind=True, unique="waiting")
    assert body.call(thing) == "ran"
    assert len(tries) == 2
    assert waiting[0].is_new
    keys = Task.objects.named(body.name).values_list("unique_key", flat=True)
    assert len(keys) == 2
    assert len(set(keys)) == 1


# --- each -----------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [None, 2])
def test_each_makes_rows_for_objects_without_one(mode, thing, chunk):
    body = declared(nothing, unique=mode)
    there = body.delayed(thing)
    others = [Product.objects.create(name=str(n)) for n in range(3)]
    made = body.each(Product.objects.all(), chunk_size=chunk)
    assert {int(row.object_id) for row in made} == {other.pk for other in others}
    assert not body.each([*others, *others, thing])
    assert there not in made
    assert Task.objects.named(body.name).count() == 4


def test_each_asks_a_callable_about_each(thing):
    Product.objects.create(name="other")
    Product.objects.create(name="thing")
    body = declared(nothing, unique=True, unique_by=lambda obj, *a, **k: obj.name)
    assert body.each(Product.objects.all()).count() == 3
    assert body.each.paused(Product.objects.all()).count() == 0


# --- debounce -------------------------------------------------------------------------


def test_a_debounced_row_starts_after_the_last_call(thing):
    ran = []

    def note(obj, n):
        ran.append(n)

    body = declared(note, unique="waiting", debounce=30, debounce_max=50)
    with freeze(NOON):
        first = body.delayed(thing, 1)
        assert (first.due - first.created).total_seconds() == 30
        assert run_tasks() == {} or not ran
        with travel(20):
            second = body.delayed(thing, 2)
            assert (second.is_new, second.pk, second.args) == (False, first.pk, [2])
            assert (second.due - first.created).total_seconds() == 50
        with travel(25):
            last = body.delayed(thing, 3)
            assert (last.due - first.created).total_seconds() == 50
            assert last.not_before == last.due
        with travel(49):
            run_tasks()
            assert not ran
        with travel(51):
            run_tasks()
    assert ran == [3]


def test_a_debounced_call_costs_one_statement(thing):
    body = declared(nothing, unique="waiting", debounce=30, debounce_max=300)
    body.delayed(thing)
    with statements() as made:
        body.delayed(thing, 2)
    assert len(made) == 1


def test_a_paused_row_stays_paused_and_takes_the_last_arguments(thing):
    body = declared(nothing, unique="waiting", debounce=30)
    first = body.paused(thing, 1)
    second = body.delayed(thing, 2)
    assert (second.pk, second.status, second.args, second.due) == (first.pk, "paused", [2], None)
    third = body.paused(thing, 3)
    assert (third.is_new, third.args) == (False, [3])


def test_schedule_says_the_time_itself(thing):
    body = declared(nothing, unique="waiting", debounce=30, debounce_max=300)
    with freeze(NOON):
        body.delayed(thing)
        row = body.schedule(3600, thing, 2)
        assert (row.due - row.created).total_seconds() == 3600
        assert row.scheduled_for == row.due
        row = body.delayed(thing, 3)
        assert ((row.due - row.created).total_seconds(), row.scheduled_for) == (30, None)


def test_each_of_a_debounced_task_moves_rows_that_are_there(thing):
    body = declared(nothing, unique="waiting", debounce=30)
    there = body.delayed(thing, 1)
    other = Product.objects.create(name="other")
    made = body.each([thing, other, other], 2)
    assert [row.object_id for row in made] == [str(other.pk)]
    there.refresh_from_db()
    assert there.args == [2]
    assert made[0].not_before == made[0].due is not None


def test_a_debounced_call_works_for_who_listens_to_save(thing):
    def note(**signal):
        pass

    body = declared(nothing, unique="waiting", debounce=30, debounce_max=300)
    signals.post_save.connect(note, sender=Task)
    try:
        first = body.delayed(thing, 1)
        second = body.delayed(thing, 2)
    finally:
        signals.post_save.disconnect(note, sender=Task)
    assert (second.is_new, second.pk, second.args) == (False, first.pk, [2])
    assert second.due >= first.due


def test_a_retry_that_waits_takes_arguments_and_keeps_its_time(thing):
    def shaky(self, obj, n):
        raise self.retry(countdown=100)

    body = declared(shaky, bind=True, unique="waiting", debounce=30)
    row = work(now_due(body.delayed(thing, 1)))
    assert row.is_queued
    later = body.delayed(thing, 2)
    assert (later.pk, later.args, later.due, later.is_new) == (row.pk, [2], row.due, False)


# --- going back -----------------------------------------------------------------------


def failing(obj):
    raise ValueError("no")


def test_a_retry_by_hand_does_nothing_while_the_place_is_taken(mode, thing):
    body = declared(failing, unique=mode)
    old = work(body.delayed(thing))
    assert old.is_failed
    newer = body.delayed(thing)
    assert old.retry() is False
    assert old.is_failed
    assert Task.objects.named(body.name).retry() == 0
    newer.cancel()
    assert old.retry() is True
    assert newer.retry() is False


def test_of_two_with_one_key_a_queryset_moves_one(mode, thing):
    body, plain = declared(failing, unique=mode), declared(failing)
    two = [work(body.delayed(thing)), work(body.delayed(thing))]
    other = work(body.delayed(Product.objects.create(name="other")))
    third = work(plain.delayed(thing))
    assert Task.objects.filter(name__in=[body.name, plain.name]).retry() == 3
    for row in (*two, other, third):
        row.refresh_from_db()
    assert [row.status for row in (*two, other, third)] == ["failed", "queued", "queued", "queued"]


def test_pause_and_run_keep_the_place(mode, thing):
    body = declared(nothing, unique=mode)
    row = body.delayed(thing)
    assert row.pause()
    assert body.delayed(thing).is_new is False
    assert row.run()
    assert body.delayed(thing).is_new is False


def test_a_failed_call_has_its_key(mode, thing):
    body = declared(failing, unique=mode)
    by_call(body, thing)
    old = Task.objects.named(body.name).get()
    body.delayed(thing)
    assert old.retry() is False


# --- with other options ---------------------------------------------------------------


@pytest.mark.parametrize("verb", ["delayed", "each"])
def test_a_row_that_can_start_no_more_is_in_nobodys_way(mode, thing, verb):
    body = declared(nothing, unique=mode, expires=60)
    with freeze(NOON):
        old = body.delayed(thing)
    with freeze(NOON), travel(61):
        if verb == "delayed":
            assert body.delayed(thing).is_new
        else:
            assert body.each([thing]).count() == 1
        old.refresh_from_db()
        assert old.is_cancelled
        assert old.errors[-1]["type"] == "boogie.apps.tasks.exceptions.Expired"


def test_a_debounced_row_expires_after_the_last_call(thing):
    body = declared(nothing, unique="waiting", debounce=30, expires=60)
    with freeze(NOON):
        row = body.delayed(thing)
        assert (row.expires - row.created).total_seconds() == 90
        with travel(20):
            later = body.using(expires=5).delayed(thing)
            assert (later.pk, (later.expires - row.created).total_seconds()) == (row.pk, 55)


def test_a_debounced_call_takes_a_row_that_is_held_back_along(thing):
    body = declared(nothing, unique="waiting", debounce=30)
    row = body.delayed(thing)
    parking.park(Task.objects.filter(pk=row.pk), "queue:any")
    later = body.delayed(thing, 2)
    assert (later.pk, later.held_by, later.due) == (row.pk, "", later.not_before)
    assert later.due is not None


def test_instances_that_are_one_object_make_no_difference(mode, thing):
    body = declared(nothing, unique=mode, unique_by=["since"])
    other = Product.objects.create(name="other")
    assert body.delayed(thing, since=other).is_new
    assert body.delayed(thing, since=Product.objects.get(pk=other.pk)).is_new is False
    assert body.delayed(thing, since=thing).is_new
    assert body.delayed(thing, since=other.pk).is_new


def test_who_asked_last_has_asked_for_a_debounced_row(thing, django_user_model):
    ada, grace = (django_user_model.objects.create(username=name) for name in ("ada", "grace"))
    body = declared(nothing, unique="waiting", debounce=30)
    body.using(requested_by=ada).delayed(thing)
    row = body.using(requested_by=grace).delayed(thing)
    assert (row.is_new, row.requested_by) == (False, grace)
    assert Task.objects.get(pk=row.pk).requested_by == grace
