"""A second admin site: its pages lead to its own pages."""

import re

import pytest
from django.contrib import admin
from django.test import override_settings
from django.urls import path, reverse

from boogie.apps.tasks import Task
from boogie.apps.tasks.admin import TaskAdmin
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default"])

second = admin.AdminSite(name="second")
second.register(Task, TaskAdmin)

urlpatterns = [path("admin/", admin.site.urls), path("second/", second.urls)]


@declared(name="db.admin.sites.fall")
def fall(obj):
    raise ValueError("no")


@override_settings(ROOT_URLCONF=__name__)
@pytest.mark.parametrize("name", ["task_changelist", "failures", "workers", "dashboard"])
def test_links_of_a_page_stay_on_its_site(client, root, pen, name):
    row = work(fall.using(requested_by=root).delayed(pen))
    fall.delayed(pen)
    own = [
        reverse(f"admin:boogie_tasks_{name}", current_app="second"),
        reverse("admin:boogie_tasks_task_change", args=[row.pk], current_app="second"),
    ]
    for url in own:
        text = client.get(url).content.decode()
        assert re.findall(r'(?:href|action)="(/second/[^"]*)', text)
        assert re.findall(r'(?:href|action)="(/admin/[^"]*)', text) == []


@override_settings(ROOT_URLCONF=__name__)
def test_a_confirmed_verb_leads_back_to_its_site(client, root, pen):
    row = fall.delayed(pen)
    url = reverse("admin:boogie_tasks_task_changelist", current_app="second")
    data = {"action": "pause", "_selected_action": str(row.pk)}
    text = client.post(url, data).content.decode()
    assert re.findall(r'href="(/admin/[^"]*)', text) == []
    assert client.post(url, {**data, "post": "yes"}).url.startswith("/second/")
