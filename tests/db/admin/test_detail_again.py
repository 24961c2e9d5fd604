"""Running a row again: the form shows its arguments, and what is sent makes a new row."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.tasks import bulk
from tests.project.blog.models import User
from tests.project.shop.models import Product
from tests.support.browser_forms import sent
from tests.support.rows import columns, stored
from tests.support.runs import declared

pytestmark = pytest.mark.django_db


@declared
def paint(product, colour: str, layers: int = 1):
    """Paint something."""


@declared(sensitive=["password"])
def enter(product, password: str, note: str = ""):
    pass


@declared(permission="boogie_tasks.retry_task")
def guarded(product):
    pass


@declared(permission=lambda user, obj: obj.name == "pen")
def choosy(product):
    pass


@declared
def greet(user):
    pass


def again(row):
    return reverse("admin:boogie_tasks_task_again", args=[row.pk])


def page(row):
    return reverse("admin:boogie_tasks_task_change", args=[row.pk])


def form(client, row):
    """Return what a browser sends of the form if nobody changes it."""
    response = client.get(again(row))
    assert response.status_code == 200
    return sent(response.content.decode(), containing="_when")


def made_by(client, row, **changes):
    """Return the new row that the changed form of ``row`` makes."""
    answer = client.post(again(row), {**form(client, row), **changes})
    new = Task.objects.exclude(pk=row.pk).latest()
    assert answer.url == page(new)
    return new


def given(row):
    """Return the arguments of a row of ``paint`` by name, however they were given."""
    return {**dict(zip(["colour", "layers"], row.args, strict=False)), **row.kwargs}


@override_settings(
    MIDDLEWARE=[name for name in settings.MIDDLEWARE if not name.startswith("boogie")]
)
def test_a_row_is_run_again_with_its_arguments_by_who_asks(client, root, pen):
    row = paint.paused(pen, "red", layers=12345678901234567890)
    before = columns(row)
    new = made_by(client, row)
    assert (new.name, new.object, new.status) == (paint.name, pen, "queued")
    assert given(new) == {"colour": "red", "layers": 12345678901234567890}
    assert new.requested_by == root
    assert columns(row) == before
    assert paint.name in LogEntry.objects.get().change_message


def test_arguments_may_be_changed_and_are_checked(client, root, pen):
    row = paint.paused(pen, "red")
    new = made_by(client, row, colour="blue", layers="3")
    assert given(new) == {"colour": "blue", "layers": 3}
    count = Task.objects.count()
    answer = client.post(again(row), {**form(client, row), "layers": "many"})
    assert answer.status_code == 200
    assert "errorlist" in answer.content.decode()
    assert Task.objects.count() == count


def test_a_new_row_may_be_paused_or_wait_for_its_time(client, root, pen):
    row = paint.paused(pen, "red")
    assert made_by(client, row, _when="paused").is_paused
    at = timezone.now() + timedelta(days=1)
    assert made_by(client, row, _when="at", _at=at.isoformat()).scheduled_for == at


def test_sensitive_arguments_are_asked_for_anew(client, root, pen):
    row = enter.paused(pen, "s3cret", note="hello")
    text = client.get(again(row)).content.decode()
    assert "s3cret" not in text
    assert "hello" in text
    assert client.post(again(row), form(client, row)).status_code == 200  # it is missing
    assert Task.objects.count() == 1
    new = made_by(client, row, password="other")
    assert "other" in [*new.args, *new.kwargs.values()]


def test_the_page_of_the_row_leads_to_it(client, root, pen):
    row = paint.paused(pen, "red")
    assert again(row) in client.get(page(row)).content.decode()


# --- who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permissions", "may"),
    [
        (["view_task"], False),
        (["view_task", "add_task"], False),
        (["view_task", "shop.change_product"], False),
        (["add_task", "shop.change_product"], False),
        (["view_task", "add_task", "shop.change_product"], True),
    ],
)
def test_it_takes_the_permissions_to_see_the_row_to_add_rows_and_to_change_the_object(
    client, member, pen, permissions, may
):
    row = paint.paused(pen, "red")
    client.force_login(member(*permissions))
    for method in (client.get, client.post):
        answer = method(again(row), {"colour": "red", "layers": "1", "_when": "now"})
        assert (answer.status_code != 403) == may
    assert (Task.objects.count() == 2) == may
    if "view_task" in permissions:
        assert (again(row) in client.get(page(row)).content.decode()) == may


def test_the_admin_of_the_object_is_asked_for_the_object(client, member, monkeypatch):
    bob = User.objects.create(username="bob")
    row = greet.paused(bob)
    client.force_login(member("view_task", "add_task", "blog.change_user"))
    of_users = admin.site._registry.get(User)
    if of_users is None:
        pytest.fail("the test project has an admin of users")
    assert client.get(again(row)).status_code == 200
    monkeypatch.setattr(
        type(of_users), "has_change_permission", lambda self, request, obj=None: obj != bob
    )
    assert client.get(again(row)).status_code == 403


def test_the_permission_of_the_task_itself_stands_for_the_one_to_add_rows(client, member, pen):
    ink = Product.objects.create(name="ink")
    client.force_login(member("view_task", "add_task", "shop.change_product"))
    assert client.get(again(guarded.paused(pen))).status_code == 403
    assert client.get(again(choosy.paused(ink))).status_code == 403
    assert client.get(again(choosy.paused(pen))).status_code == 200
    client.force_login(member("view_task", "retry_task", "shop.change_product", name="eve"))
    assert client.get(again(guarded.paused(pen))).status_code == 200


def test_nobody_has_rows_moved_in_the_name_of_another(client, member, root):
    row = bulk.paused(root, "delete", {})
    client.force_login(member("view_task", "add_task", "blog.change_user"))
    assert client.post(again(row), {"_when": "now"}).status_code == 403


# --- what cannot be run -------------------------------------------------------------------------


def test_a_row_whose_task_or_object_is_gone_is_not_run_again(client, root, pen):
    gone = paint.paused(Product.objects.create(name="gone"), "red")
    Product.objects.filter(name="gone").delete()
    for row in (stored("failed", pen, name="nobody.knows"), gone):
        assert again(row) not in client.get(page(row)).content.decode()
        answer = client.get(again(row), follow=True)
        assert answer.redirect_chain == [(page(row), 302)]
        assert "cannot be run again" in answer.content.decode()


def test_there_is_no_form_for_a_row_that_is_not_there(client, root):
    answer = client.get("/admin/boogie_tasks/task/no-key/again/")
    assert (answer.status_code, answer.url) == (302, "/admin/")


def test_the_form_has_no_style_or_script_of_its_own(client, root, pen):
    text = client.get(again(paint.paused(pen, "red"))).content.decode()
    text = text.partition('id="content-main"')[2].partition("<footer")[0]
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script", text)


# --- instances ------------------------------------------------------------------------


@declared
def transfer(product, to: User, also: list[User] = (), rest=None):
    pass


def test_instances_are_in_the_form_and_in_the_new_row(client, root, pen):
    ann, bob = (User.objects.create(username=name) for name in ("ann", "bob"))
    row = transfer.paused(pen, ann, also=[ann, bob], rest=[bob])
    new = made_by(client, row)
    assert new.get_arguments() == ([], {"to": ann, "also": [ann, bob], "rest": [bob]})
    new = made_by(client, row, to=str(bob.pk))
    assert new.get_arguments()[1]["to"] == bob


def test_instances_that_the_user_may_not_view_cannot_be_given(client, member, pen):
    client.force_login(member("view_task", "add_task", "shop.change_product"))
    ann = User.objects.create(username="ann")
    row = transfer.paused(pen, ann)
    answer = client.post(again(row), form(client, row))
    assert answer.status_code == 200
    assert f"There is no user with the key {ann.pk}." in answer.content.decode()
    assert Task.objects.count() == 1
