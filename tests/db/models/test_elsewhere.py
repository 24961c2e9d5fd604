"""Rows beside Django's own tools: their addresses, and fixtures."""

import io
import json
import sys
from datetime import UTC, datetime

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.shortcuts import resolve_url
from django.test import override_settings
from django.urls import NoReverseMatch

from boogie.apps.tasks.models import Release, Rollup, Task
from boogie.apps.tasks.models.rollup import floor
from tests.support.rows import stored

pytestmark = pytest.mark.django_db


def test_a_row_has_its_page_in_the_admin_as_its_address(client):
    row = stored("finished")
    client.force_login(get_user_model().objects.create_superuser("root"))
    response = client.get(resolve_url(row))
    assert response.status_code == 200
    assert str(row.pk) in response.text


def test_the_page_does_not_offer_itself_to_be_viewed_on_the_site():
    assert admin.site.get_model_admin(Task).get_view_on_site_url(stored("finished")) is None


@override_settings(ROOT_URLCONF="tests.db.admin.object_site")
def test_a_site_of_another_name_has_it_too():
    assert resolve_url(stored("finished")).endswith("/change/")


@override_settings(ROOT_URLCONF="boogie.apps.tasks.urls")
def test_without_an_admin_it_has_none():
    with pytest.raises(NoReverseMatch, match="admin"):
        stored("finished").get_absolute_url()


def test_figures_can_be_loaded_where_there_are_others(monkeypatch):
    start = floor(datetime(2026, 6, 15, 12, 30, tzinfo=UTC), "hour")
    key = (start, "db.a", "", "finished", "")
    Rollup.of("hour", key, (5, 1, 1, [1, 5], [1, 5], start, start, 0, 0)).save()
    Release.objects.create(version="1.2")
    dumped = io.StringIO()
    models = ["boogie_tasks.Rollup", "boogie_tasks.Release"]
    call_command("dumpdata", *models, natural_primary=True, stdout=dumped)
    assert all("pk" not in each for each in json.loads(dumped.getvalue()))
    Rollup.objects.update(count=7)
    before = set(Rollup.objects.values_list("pk", flat=True))
    monkeypatch.setattr(sys, "stdin", io.StringIO(dumped.getvalue()))
    call_command("loaddata", "-", format="json", verbosity=0)
    assert list(Rollup.objects.values_list("count", flat=True)) == [5]
    assert set(Rollup.objects.values_list("pk", flat=True)) == before
    assert Release.objects.get().version == "1.2"
