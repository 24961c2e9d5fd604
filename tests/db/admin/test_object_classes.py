"""Objects that are of several classes in the admin: one history, and tasks where they fit."""

import pytest
from django.test import override_settings
from django.urls import reverse

from boogie.apps.tasks import Task
from tests.db.admin import press_site
from tests.db.admin.press_site import index, publish, weigh
from tests.project.press.models import Article, Page
from tests.support.runs import work

pytestmark = pytest.mark.django_db


# Of the module: with the setting go the patterns of all URLs.
@pytest.fixture(scope="module", autouse=True)
def own_site():
    with override_settings(ROOT_URLCONF=press_site.__name__):
        yield


@pytest.fixture(autouse=True)
def _logged_in(root):
    pass


@pytest.fixture
def article():
    return Article.objects.create(title="news")


@pytest.fixture
def page():
    return Page.objects.create(title="plain")


def change(client, obj):
    name = f"admin:press_{obj._meta.model_name}_change"
    response = client.get(reverse(name, args=[obj.pk]))
    assert response.status_code == 200
    return response.context_data["boogie"]


def started(obj, task):
    return reverse(f"admin:press_{obj._meta.model_name}_boogie_start", args=[obj.pk, task.name])


def act(client, task, *pages):
    asked = {
        "action": f"boogie:{task.name}",
        "_selected_action": [page.pk for page in pages],
        "post": "1",
        "_when": "now",
    }
    return client.post(reverse("admin:press_page_changelist"), asked, follow=True)


def test_both_pages_of_an_object_show_its_rows(client, article):
    rows = [index.delayed(article), index.delayed(article.page_ptr)]
    for obj in (article, article.page_ptr):
        shown = change(client, obj)
        assert [line.row for line in shown["lines"]] == rows[::-1]
        listed = client.get(shown["all"])
        assert {row.pk for row in listed.context["cl"].result_list} == {row.pk for row in rows}


def test_a_task_is_offered_on_objects_of_its_model_alone(client, article, page):
    def offered(obj):
        return {start.title for start in change(client, obj)["starts"]}

    assert offered(page) == offered(article.page_ptr) == {"Index"}
    assert offered(article) == {"Index", "Publish"}


def test_what_is_not_offered_is_refused(client, article, page):
    assert client.get(started(page, publish)).status_code == 403
    assert client.post(started(page, publish), {"_when": "now"}).status_code == 403
    assert Task.objects.count() == 0
    assert client.post(started(article, publish), {"_when": "now"}).status_code == 302
    assert publish.tasks(article).count() == 1


def test_an_action_on_objects_that_are_none_of_its_model_says_so(client, article, page):
    response = act(client, publish, page, article)
    (message,) = response.context["messages"]
    assert message.level_tag == "error"
    assert "db.press.publish is about objects of press.Article" in str(message)
    assert Task.objects.count() == 0
    act(client, index, page, article)
    assert index.tasks().count() == 2


def test_an_action_that_fits_no_object_of_a_list_is_not_there(client, page):
    listed = client.get(reverse("admin:press_page_changelist"))
    names = [name for name, _label in listed.context["action_form"].fields["action"].choices]
    assert f"boogie:{publish.name}" in names
    assert f"boogie:{weigh.name}" not in names
    assert act(client, weigh, page).status_code == 403


def test_a_row_about_what_its_task_is_not_about_any_more_is_not_run_again(
    client, page, monkeypatch
):
    row = work(index.delayed(page))
    again = reverse("admin:boogie_tasks_task_again", args=[row.pk])
    assert client.get(again).status_code == 200
    monkeypatch.setattr(index, "_accepted", (Article,))
    assert client.get(again).status_code == 403
    assert again not in client.get(row.get_absolute_url()).content.decode()
