"""Queues and workers: what waits, who serves it, who is dead, what each runs; a warm shutdown."""

from datetime import timedelta

import pytest
from celery import Celery
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse
from django.utils import timezone

from boogie.apps.tasks import Task, current_app
from boogie.apps.tasks.admin import TaskAdmin
from boogie.apps.tasks.broker import inspect
from boogie.apps.tasks.db.clock import Moment
from boogie.apps.tasks.models import Worker
from boogie.apps.tasks.operations import control, queues, workers
from tests.support.browser_forms import forms
from tests.support.rows import stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(databases=["default"])

URL = reverse("admin:boogie_tasks_workers")
ADA, BOB = "ada@here/1", "bob@there/2"

look = declared(lambda obj: str(obj), name="db.admin.workers.look", queue="slow")


def worker(name=ADA, silent=0, **fields):
    """Store a worker that was heard of so many seconds ago."""
    given = {"host": "here", "pid": 4711, "queues": ["slow"], "concurrency": 4, **fields}
    return Worker.objects.create(id=name, seen=Moment(-silent), started=Moment(-7200), **given)


def page(client, **params):
    response = client.get(URL, params)
    assert response.status_code == 200
    return response


def shown_queues(response):
    return {each["queue"].name: each["queue"] for each in response.context["queues"]}


def shown_workers(response):
    return [each["worker"] for each in response.context["workers"]]


# --- queues ---------------------------------------------------------------------------


def test_a_queue_tells_what_waits_and_since_when_what_runs_and_who_serves_it(client, root, pen):
    worker()
    hour_ago = timezone.now() - timedelta(hours=1)
    old = stored("queued", pen, queue="slow", created=hour_ago, due=hour_ago)
    stored("queued", pen, queue="slow", priority=9)
    later = timezone.now() + timedelta(hours=1)
    stored("queued", pen, queue="slow", not_before=later, due=later)
    stored("running", pen, queue="slow", worker=ADA)
    for _ in range(10):
        stored("finished", pen, queue="slow", ended=timezone.now())
    queue = shown_queues(page(client))["slow"]
    assert (queue.waiting, queue.running, queue.workers) == (2, 1, [ADA])
    assert timedelta(minutes=59) < queue.oldest < timedelta(minutes=61)
    assert queue.per_minute == 2.0
    assert old.is_queued


def test_what_is_told_to_a_broker_and_due_again_later_waits_all_the_same(client, root, pen):
    soon = timezone.now() + timedelta(seconds=50)
    stored("queued", pen, queue="slow", due=soon)
    stored("queued", pen, queue="slow", due=soon, not_before=soon)
    assert shown_queues(page(client))["slow"].waiting == 1


def test_a_queue_that_nobody_serves_is_a_warning_that_says_what_to_do(client, root, pen):
    worker(queues=["fast"])
    stored("queued", pen, queue="slow")
    response = page(client)
    assert [queue.name for queue in response.context["unserved"]] == ["slow"]
    assert shown_queues(response)["fast"].is_served
    text = response.content.decode()
    assert "nobody serves this queue" in text
    assert "-Q slow" in text
    worker(BOB)
    assert page(client).context["unserved"] == []


def test_a_queue_is_not_served_by_the_dead(client, root, pen):
    worker(silent=60)
    stored("queued", pen, queue="slow")
    queue = shown_queues(page(client))["slow"]
    assert not queue.is_served
    assert queue.is_urgent


def test_a_queue_without_rows_and_rows_without_a_queue_are_no_alarm(client, root, pen):
    worker(queues=["idle"])
    stored("queued", pen, queue="")
    response = page(client)
    assert set(shown_queues(response)) == {"idle", ""}
    assert response.context["unserved"] == []
    assert "chosen by Celery" in response.content.decode()


def test_waiting_rows_are_counted_up_to_a_thousand(client, root, pen, monkeypatch):
    monkeypatch.setattr(queues, "CAP", 3)
    for priority in (0, 0, 9, 9):
        stored("queued", pen, queue="slow", priority=priority)
    assert str(shown_queues(page(client))["slow"].waiting) == "3+"


def test_the_rate_is_that_of_the_last_rows_where_there_are_many(client, root, pen, monkeypatch):
    monkeypatch.setattr(queues, "RATE_ROWS", 3)
    worker()
    for seconds in (0, 10, 60, 200):
        ended = timezone.now() - timedelta(seconds=seconds)
        stored("finished", pen, queue="slow", ended=ended)
    assert 2.5 < shown_queues(page(client))["slow"].per_minute < 3.1


# --- workers --------------------------------------------------------------------------


def test_a_worker_tells_of_itself_and_what_it_runs(client, root, pen):
    worker()
    started = timezone.now() - timedelta(minutes=5)
    row = stored("running", pen, queue="slow", worker=ADA, name=look.name, started=started)
    response = page(client)
    (one,) = shown_workers(response)
    assert (one.is_alive, one.running, one.node) == (True, 1, "ada@here")
    assert timedelta(hours=1.9) < one.uptime < timedelta(hours=2.1)
    assert [each.pk for each in one.rows] == [row.pk]
    text = response.content.decode()
    for words in ("ada@here", "process 4711", "1 of 4", "for 5 min", look.name):
        assert words in text
    assert reverse("admin:boogie_tasks_task_change", args=[row.pk]) in text


def test_a_worker_without_rows_is_shown(client, root):
    worker()
    (one,) = shown_workers(page(client))
    assert (one.is_alive, one.running, one.rows) == (True, 0, [])


def test_a_dead_worker_says_so_and_comes_first(client, root):
    worker()
    worker(BOB, silent=60)
    response = page(client)
    assert [(one.id, one.is_alive) for one in shown_workers(response)] == [
        (BOB, False),
        (ADA, True),
    ]
    assert "1 worker is dead." in response.content.decode()


def test_that_no_worker_is_alive_is_said_first(client, root):
    assert "No worker is alive." in page(client).content.decode()
    worker()
    assert "No worker is alive." not in page(client).content.decode()


def test_rows_of_workers_that_are_gone_and_of_calls_are_told(client, root, pen):
    worker()
    stored("running", pen, worker="gone@there/9")
    stored("running", pen, worker="process@call:here:1")
    response = page(client)
    assert (response.context["gone"], response.context["calls"]) == (1, 1)


def test_of_a_worker_that_runs_much_some_rows_are_shown(client, root, pen, monkeypatch):
    monkeypatch.setattr(workers, "ROWS", 2)
    worker()
    for _ in range(5):
        stored("running", pen, worker=ADA)
    response = page(client)
    (one,) = shown_workers(response)
    assert (one.running, len(one.rows)) == (5, 2)
    assert "and 3 more" in response.content.decode()


def test_rows_that_the_admin_leaves_out_are_counted_and_not_shown(client, root, pen, monkeypatch):
    worker()
    row = stored("running", pen, worker=ADA, name="db.admin.workers.secret")
    every = TaskAdmin.get_queryset
    monkeypatch.setattr(
        TaskAdmin, "get_queryset", lambda *given: every(*given).exclude(name=row.name)
    )
    response = page(client)
    (one,) = shown_workers(response)
    assert (one.running, one.rows) == (1, [])
    assert row.name not in response.content.decode()


def test_a_bar_that_stands_still_is_stalled(client, root, pen):
    worker()
    row = stored("running", pen, worker=ADA)
    assert "boogie-stalled" not in page(client).content.decode()
    Task.objects.filter(pk=row.pk).update(progressed=Moment(-3600), progress={"done": 1})
    assert "boogie-stalled" in page(client).content.decode()


def test_workers_are_shown_page_by_page(client, root, monkeypatch):
    monkeypatch.setattr(workers, "WORKERS", 2)
    for number in range(5):
        worker(f"w{number}@here/x", silent=60 * (number % 2))
    seen, after = [], ""
    while True:
        response = page(client, after=after)
        seen += [one.id[:2] for one in shown_workers(response)]
        if not (after := response.context["more"]):
            break
    assert seen == ["w1", "w3", "w0", "w2", "w4"]


# --- who may what ---------------------------------------------------------------------

#: Permissions of a member of staff, whether the page is shown, and whether it offers to terminate.
ALLOWED = [
    ((), 403, False),
    (("cancel_task", "run_task", "delete_task"), 403, False),
    (("view_task",), 200, False),
    (("view_task", "run_task", "retry_task", "delete_task"), 200, False),
    (("view_task", "cancel_task"), 200, True),
]


@pytest.mark.parametrize(("permissions", "status", "may"), ALLOWED)
def test_the_page_needs_view_and_offers_what_is_allowed(
    client, member, pen, controlled, permissions, status, may
):
    worker()
    stored("running", pen, worker=ADA)
    client.force_login(member(*permissions))
    response = client.get(URL)
    assert response.status_code == status
    if status == 200:
        assert bool(forms(response, "terminate")) == may
        assert bool(forms(response, "shutdown")) == may


@pytest.mark.parametrize(("permissions", "may"), [(each[0], each[2]) for each in ALLOWED])
@pytest.mark.parametrize("confirmed", [{}, {"post": "yes"}])
def test_a_shutdown_needs_view_and_cancel(client, member, controlled, permissions, may, confirmed):
    worker()
    client.force_login(member(*permissions))
    response = client.post(URL, {"action": "shutdown", "worker": ADA, **confirmed})
    assert (response.status_code == 403) == (not may)
    assert controlled == (["ada@here"] if may and confirmed else [])


def test_a_row_is_terminated_by_the_verb_of_the_list(client, root, pen):
    worker()
    row = stored("running", pen, worker=ADA)
    (data,) = forms(page(client), "terminate")
    to = reverse("admin:boogie_tasks_task_changelist")
    response = client.post(to, data)
    assert response.context["movable"] == 1
    token = response.context["selection"]
    response = client.post(to, {**data, "post": "yes", "selection": token})
    assert response["Location"] == URL
    row.refresh_from_db()
    assert (row.status, row.terminate) == ("cancelled", True)


# --- warm shutdown --------------------------------------------------------------------


@pytest.fixture
def controlled(monkeypatch):
    """A broker that carries commands, and what it was told: the edge to Celery."""
    told = []
    monkeypatch.setattr(control, "is_possible", lambda: True)
    monkeypatch.setattr(inspect, "answers", lambda: True)
    monkeypatch.setattr(
        type(current_app.celery_app().control),
        "shutdown",
        lambda self, destination: told.extend(destination),
    )
    return told


def test_a_worker_is_told_to_shut_down_once_that_is_confirmed(client, root, controlled):
    worker()
    (data,) = forms(page(client), "shutdown")
    response = client.post(URL, data)
    assert response.status_code == 200
    assert controlled == []
    (data,) = forms(response, "shutdown")
    response = client.post(URL, {**data, "reason": "deploy"}, follow=True)
    assert controlled == ["ada@here"]
    assert "was told to shut down" in response.content.decode()
    entry = LogEntry.objects.get()
    assert (entry.user_id, entry.object_id) == (root.pk, ADA)
    assert entry.content_type == ContentType.objects.get_for_model(Worker)
    assert entry.change_message == "Warm shutdown: deploy"


@pytest.mark.parametrize("name", [BOB, "nobody@here/3"])
def test_the_dead_and_the_unknown_are_told_nothing(client, root, controlled, name):
    worker(BOB, silent=60)
    response = client.post(URL, {"action": "shutdown", "worker": name, "post": "yes"}, follow=True)
    assert "Nothing was done" in response.content.decode()
    assert controlled == []
    assert not LogEntry.objects.exists()


def test_a_get_shuts_nothing_down_and_another_post_is_none_of_ours(client, root, controlled):
    worker()
    client.get(URL, {"action": "shutdown", "worker": ADA, "post": "yes"})
    assert client.post(URL, {"worker": ADA, "post": "yes"}).status_code == 404
    assert controlled == []


def test_a_broker_that_does_not_answer_is_told_of(client, root, controlled, monkeypatch):
    worker()
    monkeypatch.setattr(inspect, "answers", lambda: False)
    response = client.post(URL, {"action": "shutdown", "worker": ADA, "post": "yes"}, follow=True)
    assert "does not answer" in response.content.decode()
    assert controlled == []
    assert not LogEntry.objects.exists()


@pytest.mark.parametrize(
    ("url", "remote_control", "possible"),
    [
        ("boogie://", True, True),
        ("boogie://", False, False),
        ("redis://127.0.0.1:1/0", True, True),
        ("amqp://127.0.0.1:1//", True, True),
        ("redis://127.0.0.1:1/0", False, False),
    ],
)
def test_workers_can_be_controlled_where_the_broker_carries_commands(
    monkeypatch, url, remote_control, possible
):
    app = Celery("controlled", broker=url, set_as_current=False)
    app.conf.worker_enable_remote_control = remote_control
    monkeypatch.setattr(current_app, "celery_app", lambda: app)
    assert control.is_possible() == possible


def test_where_workers_cannot_be_controlled_the_page_says_why(client, root, monkeypatch):
    worker()
    monkeypatch.setattr(control, "is_possible", lambda: False)
    response = page(client)
    assert forms(response, "shutdown") == []
    assert "the signal TERM" in response.content.decode()
    response = client.post(URL, {"action": "shutdown", "worker": ADA, "post": "yes"}, follow=True)
    assert "Nothing was done" in response.content.decode()


# --- what it costs --------------------------------------------------------------------


def test_queries_do_not_grow_with_queues_and_workers(
    client, root, pen, django_assert_max_num_queries
):
    for number in range(60):
        name = f"w{number}@here/x"
        worker(name, queues=[f"q{number}"])
        stored("running", pen, worker=name, queue=f"q{number}")
        stored("queued", pen, queue=f"q{number}", priority=number % 10)
    with django_assert_max_num_queries(15):
        response = page(client)
    assert len(shown_workers(response)) == 50
    assert all(queue.waiting == 1 for queue in shown_queues(response).values())
