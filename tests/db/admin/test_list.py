"""The list of rows: its tabs, filters and pages are in the URL, and each costs the same."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from boogie.apps.tasks import Task
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default"])

look = declared(lambda obj: str(obj), name="db.admin.look", queue="slow")


@declared(name="db.admin.fall")
def fall(obj):
    raise ValueError("<b>no</b>")


URL = reverse("admin:boogie_tasks_task_changelist")


def shown(client, query="", **params):
    """Return the ids on a page of the list, in its order."""
    response = client.get(URL + query, params)
    assert response.status_code == 200
    return [str(row.pk) for row in response.context["cl"].result_list]


def links(client, query=""):
    return {label: link for label, link in client.get(URL + query).context["cl"].links if link}


def test_the_newest_rows_come_first_and_pages_lead_there_and_back(client, root, pen, monkeypatch):
    monkeypatch.setattr("boogie.apps.tasks.admin.task_admin.TaskAdmin.list_per_page", 3)
    keys = [str(look.delayed(pen).pk) for _ in range(8)][::-1]
    assert shown(client) == keys[:3]
    older = links(client)["Older"]
    assert shown(client, older) == keys[3:6]
    oldest = links(client, older)["Oldest"]
    assert shown(client, oldest) == keys[5:]
    newer = links(client, oldest)["Newer"]
    assert shown(client, newer) == keys[2:5]
    assert shown(client, links(client, newer)["Newest"]) == keys[:3]
    assert set(links(client)) == {"Older", "Oldest"}
    assert set(links(client, oldest)) == {"Newer", "Newest"}


def test_rows_that_come_in_move_no_page(client, root, pen, monkeypatch):
    monkeypatch.setattr("boogie.apps.tasks.admin.task_admin.TaskAdmin.list_per_page", 2)
    keys = [str(look.delayed(pen).pk) for _ in range(4)][::-1]
    older = links(client)["Older"]
    look.delayed(pen)
    assert shown(client, older) == keys[2:]


def test_rows_that_ended_in_one_microsecond_are_all_on_some_page(client, root, pen, monkeypatch):
    monkeypatch.setattr("boogie.apps.tasks.admin.task_admin.TaskAdmin.list_per_page", 2)
    rows = [work(look.delayed(pen)) for _ in range(7)]
    Task.objects.filter(pk__in=[row.pk for row in rows]).update(ended=rows[0].ended)
    seen, query = [], "?status=finished"
    while query:
        seen += shown(client, query)
        query = links(client, query).get("Older")
    assert sorted(seen) == sorted(str(row.pk) for row in rows)
    back, query = [], "?status=finished&before=end"
    while query:
        back = shown(client, query) + back
        query = links(client, query).get("Newer")
    assert back == seen


def test_a_row_is_a_place_of_its_own(client, root, pen):
    rows = [work(look.delayed(pen)) for _ in range(3)]
    assert shown(client, after=rows[1].pk) == [str(rows[0].pk)]
    assert shown(client, status="finished", after=rows[1].pk) == [str(rows[0].pk)]


def test_tabs_count_their_rows_with_the_other_filters(client, root, pen):
    look.delayed(pen)
    look.paused(pen)
    work(fall.delayed(pen))
    tabs = client.get(URL, {"queue": "slow"}).context["cl"].tabs
    assert {tab["status"]: int(tab["count"]) for tab in tabs} == {
        "": 2,
        "paused": 1,
        "queued": 1,
        "running": 0,
        "finished": 0,
        "failed": 0,
        "cancelled": 0,
    }
    assert all("queue=slow" in tab["link"] for tab in tabs)


def test_counts_are_capped(client, root, pen, monkeypatch):
    monkeypatch.setattr("boogie.apps.tasks.admin.changelist.CAP", 2)
    for _ in range(3):
        look.delayed(pen)
    assert str(client.get(URL).context["cl"].tabs[0]["count"]) == "2+"


@pytest.mark.parametrize(
    "query", ["object=nothing:7", "status=done", "after=x", "before=1.2.3", "since=soon"]
)
def test_what_cannot_be_read_is_said(client, root, query):
    response = client.get(f"{URL}?{query}")
    assert response.status_code == 200
    assert [str(message) for message in response.context["messages"]]


def test_a_lookup_of_djangos_is_no_filter(client, root, pen):
    look.delayed(pen)
    assert len(shown(client, kwargs__contains="secret")) == 1


def test_what_rows_say_is_text(client, root, pen):
    row = work(fall.delayed(pen))
    text = client.get(URL).content.decode()
    assert "&lt;b&gt;no&lt;/b&gt;" in text
    assert "<b>no</b>" not in text
    assert f'data-boogie-row="{row.pk}" data-status="failed"' in text


def test_a_page_takes_few_queries_however_many_rows_it_has(client, root, pen):
    for _ in range(3):
        look.using(requested_by=root).delayed(pen)
    client.get(URL)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            client.get(URL)
        return len(captured)

    few = queries()
    for _ in range(20):
        look.using(requested_by=root).delayed(pen)
    assert queries() == few <= 8


def test_an_object_is_named_and_linked_for_those_who_may_see_it(client, member, pen):
    bob = get_user_model().objects.create(username="bob")
    look.delayed(bob)
    client.force_login(member("view_task"))
    assert ">bob<" not in client.get(URL).content.decode()
    client.force_login(member("view_task", "blog.view_user", name="eve"))
    text = client.get(URL).content.decode()
    assert re.search(rf'<a [^>]*href="[^"]*/blog/user/{bob.pk}/change/"[^>]*>bob</a>', text)


def test_the_list_is_for_those_who_may_view_rows(client, member):
    assert client.get(URL).status_code == 302  # to log in
    client.force_login(member("run_task", "cancel_task", "retry_task", "delete_task"))
    assert client.get(URL).status_code == 403
    client.force_login(member("view_task", name="eve"))
    assert client.get(URL).status_code == 200


def test_rows_are_neither_added_nor_edited(client, root, pen):
    row = look.delayed(pen)
    assert client.get(reverse("admin:boogie_tasks_task_add")).status_code == 403
    change = reverse("admin:boogie_tasks_task_change", args=[row.pk])
    assert client.post(change, {"queue": "other"}).status_code == 403


def test_an_object_that_its_own_admin_leaves_out_is_not_named(client, root, monkeypatch):
    bob = get_user_model().objects.create(username="bob")
    look.delayed(bob)
    assert ">bob<" in client.get(URL).content.decode()
    model_admin = admin.site.get_model_admin(get_user_model())
    monkeypatch.setattr(
        type(model_admin), "get_queryset", lambda self, request: get_user_model().objects.none()
    )
    text = client.get(URL).content.decode()
    assert ">bob<" not in text
    assert f"user:{bob.pk}" in text


def test_an_object_that_cannot_say_what_it_is_is_shown_by_its_key(client, root, monkeypatch):
    def broken(self):
        raise AttributeError("what was it?")

    row = look.paused(root)
    monkeypatch.setattr(type(root), "__str__", broken)
    for url in (URL, reverse("admin:boogie_tasks_task_change", args=[row.pk])):
        text = client.get(url).content.decode()
        assert f"user:{root.pk}</a>" in text


@pytest.mark.django_db(databases=["default", "other"])
def test_an_object_of_another_database_has_no_link_to_the_page_of_one_here(client, root):
    user = get_user_model()._default_manager.using("other").create(username="bob2", pk=root.pk)
    look.paused(user)
    look.paused(root)
    text = client.get(URL).content.decode()
    links = re.findall(r'<a class="boogie-clip" href="([^"]+)" title="[^"]+">([^<]+)</a>', text)
    assert [shown for _link, shown in links] == [str(root)]
    assert "bob2</span>" in text
