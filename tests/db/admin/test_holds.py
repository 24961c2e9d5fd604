"""Holding and releasing by hand: who may, what is asked, what is shown, what is logged."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from boogie.apps.tasks import queues
from boogie.apps.tasks.models import Hold
from tests.support.browser_forms import forms
from tests.support.rows import stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db(databases=["default"])

URL = reverse("admin:boogie_tasks_workers")
DASHBOARD = reverse("admin:boogie_tasks_dashboard")

look = declared(lambda obj: str(obj), name="db.admin.holds.look", queue="slow")


def page_of(row):
    return reverse("admin:boogie_tasks_task_change", args=[row.pk])


def test_a_queue_is_held_and_released_from_the_page_of_queues(client, root, pen):
    stored("queued", pen, queue="slow")
    (data,) = forms(client.get(URL), "hold")
    asked = client.post(URL, data)
    assert "No task of the queue slow will start" in asked.content.decode()
    assert queues.held() == []
    (data,) = forms(asked, "hold")
    done = client.post(URL, {**data, "reason": "it moves"}, follow=True)
    assert queues.held() == ["slow"]
    assert "The queue slow is held, by root, since" in done.content.decode()
    assert ": it moves" in done.content.decode()
    assert forms(done, "hold") == []
    (data,) = forms(done, "release")
    asked = client.post(URL, data)
    assert ": it moves" in asked.content.decode()
    (data,) = forms(asked, "release")
    done = client.post(URL, {**data, "reason": "it has"}, follow=True)
    assert queues.held() == []
    assert "Slow is released." in done.content.decode()
    said = LogEntry.objects.order_by("pk").values_list("user", "change_message")
    assert list(said) == [(root.pk, "Hold: it moves"), (root.pk, "Release: it has")]


def test_a_task_is_held_and_released_from_the_page_of_a_row(client, root, pen):
    row = stored("queued", pen, name=look.name, queue="slow")
    (data,) = forms(client.get(page_of(row)), "hold")
    (data,) = forms(client.post(URL, data), "hold")
    done = client.post(URL, {**data, "reason": "why"})
    assert done["Location"] == page_of(row)
    assert look.is_held
    shown = client.get(page_of(row))
    assert f"The task {look.name} is held, by root" in shown.content.decode()
    (data,) = forms(shown, "release")
    (data,) = forms(client.post(URL, data), "release")
    client.post(URL, data)
    assert not look.is_held


def test_only_a_row_that_waits_is_said_to_be_held(client, root, pen):
    queues.hold("slow", reason="why")
    waiting, running = stored("queued", pen, queue="slow"), stored("running", pen, queue="slow")
    assert "The queue slow is held" in client.get(page_of(waiting)).content.decode()
    assert "The queue slow is held" not in client.get(page_of(running)).content.decode()


def test_a_task_that_this_process_does_not_know_is_not_held_from_its_rows(client, root, pen):
    row = stored("queued", pen, name="gone.away")
    assert forms(client.get(page_of(row)), "hold") == []
    data = {"action": "hold", "kind": "task", "name": "gone.away", "post": "yes"}
    assert client.post(URL, data).status_code == 404
    assert not Hold.objects.exists()


def test_what_is_held_is_released_though_this_process_does_not_know_it(client, root):
    Hold.objects.create(key="task:gone.away")
    (data,) = forms(client.get(URL), "release")
    client.post(URL, {**data, "post": "yes"})
    assert not Hold.objects.active().exists()


@pytest.mark.parametrize(
    ("action", "said"), [("hold", "was held already"), ("release", "was not held")]
)
def test_who_comes_second_is_told_so(client, root, action, said):
    if action == "hold":
        queues.hold("slow", reason="first")
    data = {"action": action, "kind": "queue", "name": "slow"}
    assert client.post(URL, data).status_code == 200
    done = client.post(URL, {**data, "post": "yes"}, follow=True)
    assert f"Slow {said}." in done.content.decode()
    assert not LogEntry.objects.filter(user=root).exists()


@pytest.mark.parametrize(
    "data",
    [
        {"action": "hold"},
        {"action": "hold", "kind": "worker", "name": "a"},
        {"action": "hold", "kind": "queue", "name": ""},
        {"action": "hold", "kind": "queue", "name": "x" * 256},
        {"action": "hold", "kind": "task", "name": "\0"},
    ],
)
def test_a_post_that_names_nothing_is_not_found(client, root, data):
    assert client.post(URL, {**data, "post": "yes"}).status_code == 404
    assert not Hold.objects.exists()


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example/", ""])
def test_nobody_is_sent_elsewhere(client, root, next_):
    data = {"action": "hold", "kind": "queue", "name": "slow", "post": "yes", "next": next_}
    assert client.post(URL, data)["Location"] == URL


ALLOWED = [
    ((), 403, False),
    (("run_task",), 403, False),
    (("view_task",), 200, False),
    (("view_task", "cancel_task", "retry_task", "delete_task"), 200, False),
    (("view_task", "run_task"), 200, True),
]


@pytest.mark.parametrize(("permissions", "status", "may"), ALLOWED)
def test_who_may_pause_rows_may_hold_and_release(client, member, pen, permissions, status, may):
    row = stored("queued", pen, name=look.name, queue="slow")
    queues.hold("fast")
    client.force_login(member(*permissions))
    response = client.get(URL)
    assert response.status_code == status
    if status == 200:
        assert "The queue fast is held" in response.content.decode()
        assert bool(forms(response, "hold")) == bool(forms(response, "release")) == may
        assert bool(forms(client.get(page_of(row)), "hold")) == may
    for confirmed in ({}, {"post": "yes"}):
        for action, name in (("hold", "slow"), ("release", "fast")):
            data = {"action": action, "kind": "queue", "name": name, **confirmed}
            assert (client.post(URL, data).status_code == 403) == (not may)
    assert queues.held() == (["slow"] if may else ["fast"])


def test_a_queue_that_is_held_is_shown_though_nothing_waits_there(client, root):
    queues.hold("slow")
    shown = client.get(URL).context["queues"]
    assert [(each["queue"].name, bool(each["held"])) for each in shown] == [("slow", True)]


def test_the_dashboard_says_what_is_held_and_does_not_call_it_stuck(client, root, pen):
    stored("queued", pen, queue="slow", created="2020-01-01T00:00:00Z")
    assert client.get(DASHBOARD).context["now"].waiting == 1
    queues.hold("slow", by=root, reason="it moves")
    response = client.get(DASHBOARD)
    assert response.context["now"].waiting == 0
    assert "The queue slow is held, by root" in response.content.decode()
