"""Schedules in the admin: who sees which, and makes, changes and runs what."""

from datetime import UTC, datetime, timedelta

import pytest
from celery.schedules import crontab
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse

from boogie.apps.tasks import Schedule, Task, recurring, schedules
from boogie.apps.tasks.scheduling import following
from boogie.apps.tasks.testing import freeze
from tests.project.blog import tasks
from tests.project.blog.models import User

pytestmark = pytest.mark.django_db

LIST = "/admin/boogie_tasks/schedule/"
NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
MONDAYS = crontab(day_of_week="mon", hour=8, minute=0)
ADD = f"{LIST}add/?task={tasks.publish.name}&model=blog.user"

OF_SCHEDULES = ["view_schedule", "add_schedule", "change_schedule", "delete_schedule"]


@pytest.fixture(autouse=True)
def _nothing_declared(monkeypatch):
    monkeypatch.setattr(schedules, "_declared", {})


@pytest.fixture
def ada():
    return get_user_model().objects.create_user("ada", email="ada@example.com")


@pytest.fixture
def weekly(ada):
    return tasks.publish.using(name="weekly").repeat(MONDAYS, ada, title="news", copies=2)


@pytest.fixture
def nightly():
    recurring(MONDAYS, objects=User.objects.all, name="nightly")(tasks.clean_user_posts)
    following.follow()
    return Schedule.objects.get(name="nightly")


def person(client, *names, **fields):
    user = get_user_model().objects.create_user("eve", is_staff=True, **fields)
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(user)
    return user


def filled(ada, **more):
    return {
        "title": "news", "copies": "3", "_object": str(ada.pk), "_repeat": "30 8 * * mon-fri",
        "_zone": "Europe/Berlin", "_missed": "skip", "_name": "", **more,
    }  # fmt: skip


def page_of(one):
    return reverse("admin:boogie_tasks_schedule_change", args=[one.pk])


# --- the list ---------------------------------------------------------------------------


def test_the_list_shows_each_with_its_state(admin_client, weekly, nightly):
    nightly.pause()
    tasks.publish.using(name="lost").repeat(timedelta(days=1), weekly.object, title="x")
    Schedule.objects.filter(name="lost").update(task="blog.tasks.gone")
    text = admin_client.get(LIST).content.decode()
    assert "weekly" in text
    assert f"blog.user:{weekly.object.pk}" in text
    assert "paused" in text
    assert "gone: does nothing" in text


def test_who_may_see_no_schedules_sees_none(client, weekly):
    person(client, "view_task")
    assert client.get(LIST).status_code == 403
    assert client.get(page_of(weekly)).status_code == 403


@pytest.mark.parametrize("verb", ["pause", "resume", "run_now"])
def test_actions_need_the_permission_to_change(client, weekly, verb):
    person(client, "view_schedule", "change_user", "add_task")
    client.post(LIST, {"action": verb, "_selected_action": [weekly.pk]})
    assert Schedule.objects.get().enabled
    assert not Task.objects.exists()
    assert client.post(page_of(weekly), {"_verb": verb}).status_code == 403


def test_actions_pause_resume_and_run(admin_client, weekly, nightly):
    keys = [weekly.pk, nightly.pk]
    admin_client.post(LIST, {"action": "pause", "_selected_action": keys})
    assert not Schedule.objects.enabled().exists()
    admin_client.post(LIST, {"action": "resume", "_selected_action": keys})
    assert Schedule.objects.enabled().count() == 2
    admin_client.post(LIST, {"action": "run_now", "_selected_action": keys})
    assert tasks.publish.tasks().count() == 1
    assert tasks.clean_user_posts.tasks().count() == User.objects.count()


def test_what_is_not_theirs_to_start_is_left_out(client, weekly):
    person(client, "view_schedule", "change_schedule")
    answer = client.post(LIST, {"action": "run_now", "_selected_action": [weekly.pk]}, follow=True)
    assert "left out" in answer.content.decode()
    assert client.post(page_of(weekly), {"_verb": "run_now"}).status_code == 403
    assert not Task.objects.exists()


# --- a new one --------------------------------------------------------------------------


def test_only_declared_tasks_are_offered(admin_client):
    text = admin_client.get(f"{LIST}add/").content.decode()
    assert tasks.publish.name in text
    for name in ("os.system", "boogie_tasks.function", "celery.backend_cleanup"):
        assert name not in text
        assert admin_client.get(f"{LIST}add/?task={name}&model=blog.user").status_code == 404


def test_a_schedule_is_made_with_a_form_from_the_signature(admin_client, admin_user, ada):
    text = admin_client.get(ADD).content.decode()
    assert 'name="copies"' in text
    with freeze(NOW):
        answer = admin_client.post(ADD, filled(ada))
    made = Schedule.objects.get()
    assert answer.status_code == 302
    assert answer.url == page_of(made)
    assert (made.task, made.object, made.kwargs) == (
        tasks.publish.name, ada, {"title": "news", "copies": 3, "pinned": False},
    )  # fmt: skip
    assert (made.when, made.time_zone, made.missed) == ("30 8 * * mon-fri", "Europe/Berlin", "skip")
    assert made.next_run == datetime(2026, 6, 4, 6, 30, tzinfo=UTC)
    assert made.requested_by == admin_user


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("_repeat", "sometimes", "no time to repeat"),
        ("_repeat", "0 3 31 2 *", "never"),
        ("_zone", "Mars/Olympus", "Select a valid choice"),
        ("_object", "4711", "Select a valid choice"),
        ("copies", "many", "whole number"),
        ("_name", "weekly", "a schedule of this name"),
    ],
)
def test_what_does_not_fit_is_said_beside_its_field(admin_client, ada, weekly, field, value, words):
    text = admin_client.post(ADD, filled(ada, **{field: value})).content.decode()
    assert words in text
    assert Schedule.objects.count() == 1


@pytest.mark.parametrize("lacking", ["add_schedule", "add_task", "change_user"])
def test_to_make_one_takes_the_permission_of_the_task(client, ada, lacking):
    names = {"view_schedule", "add_schedule", "add_task", "change_user", "view_user"} - {lacking}
    person(client, *names)
    assert client.get(ADD).status_code in (403, 404)
    assert client.post(ADD, filled(ada)).status_code in (403, 404)
    assert not Schedule.objects.exists()


def test_who_may_only_add_one_is_not_sent_where_they_may_not_go(client, ada):
    person(client, "add_schedule", "add_task", "change_user", "view_user")
    answer = client.post(ADD, filled(ada), follow=True)
    assert Schedule.objects.exists()
    assert answer.status_code == 200


# --- one that there is ------------------------------------------------------------------


def test_the_form_of_one_changes_it(admin_client, weekly):
    text = admin_client.get(page_of(weekly)).content.decode()
    assert 'value="0 8 * * mon"' in text
    given = {
        "title": "news", "copies": "9", "_repeat": "02:00:00", "_zone": "UTC", "_missed": "once",
        "_next_0": "2026-06-03", "_next_1": "15:00:00",
    }  # fmt: skip
    with freeze(NOW):
        assert admin_client.post(page_of(weekly), given).status_code == 302
    weekly.refresh_from_db()
    assert (weekly.when, weekly.kwargs["copies"]) == ("P0DT02H00M00S", 9)
    assert weekly.name == "weekly"


def test_a_length_of_time_is_shown_as_it_is_written(admin_client, ada):
    made = tasks.publish.repeat(timedelta(days=7, hours=2), ada, title="news")
    text = admin_client.get(page_of(made)).content.decode()
    assert 'value="7 02:00:00"' in text
    assert "7 02:00:00 (" in text
    assert "7 02:00:00" in admin_client.get(LIST).content.decode()
    given = {"title": "new", "copies": "1", "_repeat": "7 02:00:00", "_zone": "UTC"}
    made.refresh_from_db()
    assert admin_client.post(page_of(made), {**given, "_missed": "once"}).status_code == 302
    made.refresh_from_db()
    assert (made.when, made.kwargs["title"]) == ("P7DT02H00M00S", "new")


def test_verbs_are_on_its_page(admin_client, weekly):
    text = admin_client.get(page_of(weekly)).content.decode()
    assert 'value="pause"' in text
    assert 'value="run_now"' in text
    assert admin_client.post(page_of(weekly), {"_verb": "pause"}).status_code == 302
    assert 'value="resume"' in admin_client.get(page_of(weekly)).content.decode()
    assert admin_client.post(page_of(weekly), {"_verb": "explode"}).status_code == 404


def test_who_may_only_view_gets_no_form(client, weekly):
    person(client, "view_schedule")
    text = client.get(page_of(weekly)).content.decode()
    assert "weekly" in text
    assert 'name="copies"' not in text
    assert 'value="pause"' not in text
    assert client.post(page_of(weekly), {"title": "x"}).status_code == 403


def test_what_code_declares_is_paused_and_not_edited_or_deleted(admin_client, nightly):
    text = admin_client.get(page_of(nightly)).content.decode()
    assert 'name="_repeat"' not in text
    assert 'value="pause"' in text
    assert admin_client.post(page_of(nightly), {"_repeat": "* * * * *"}).status_code == 403
    delete = reverse("admin:boogie_tasks_schedule_delete", args=[nightly.pk])
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403
    schedules._declared.clear()
    assert "does nothing" in admin_client.get(page_of(nightly)).content.decode()
    assert admin_client.post(delete, {"post": "yes"}).status_code == 302
    assert not Schedule.objects.exists()


def test_its_task_keeps_the_secrets_of_its_arguments(admin_client, ada):
    made = tasks.publish.repeat(MONDAYS, ada, title="news")
    tasks.publish.sensitive, before = ["title"], tasks.publish.sensitive
    try:
        assert "news" not in admin_client.get(page_of(made)).content.decode()
    finally:
        tasks.publish.sensitive = before


def test_a_key_of_no_schedule_is_none(admin_client):
    assert admin_client.get(f"{LIST}4711/change/").status_code == 404
    assert admin_client.get(f"{LIST}x/change/").status_code == 404
