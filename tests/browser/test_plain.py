"""All of it works in a browser that runs no scripts."""

import pytest
from django.contrib.auth import get_user_model

from boogie.apps.tasks import Task
from tests.project.blog import tasks
from tests.support import browsers
from tests.support.rows import stored

from .conftest import cookies_of
from .steps import LIST, act, badge_of, confirm, follow, page_of, select

pytestmark = pytest.mark.django_db(transaction=True)

expect = browsers.playwright().expect


@pytest.fixture
def root(plain):
    user = get_user_model().objects.create_superuser("root", email="a@example.com")
    plain.context.add_cookies(cookies_of(user))
    return user


def test_rows_are_filtered_selected_confirmed_and_moved_without_scripts(site, plain, root):
    rows = [stored("failed", root, name=tasks.publish.name) for _ in range(3)]
    stored("queued", root)
    plain.goto(site(LIST))
    plain.locator(".boogie-filters summary").click()
    plain.locator(".boogie-filters [name=task]").fill(tasks.publish.name)
    follow(plain, plain.get_by_role("button", name="Apply"))
    follow(plain, plain.get_by_role("link", name="Failed"))
    expect(plain.locator("#result_list tbody tr")).to_have_count(3)
    select(plain, *rows[:2])
    act(plain, "retry")
    expect(plain.locator(".boogie-facts b")).to_have_text("2")
    confirm(plain)
    expect(plain.locator(".messagelist")).to_contain_text("Retry: 2 tasks.")
    assert {row.pk for row in Task.objects.failed()} == {rows[2].pk}


def test_a_row_is_moved_and_run_again_from_its_page_without_scripts(site, plain, root):
    row = stored("queued", root, name=tasks.publish.name)
    plain.goto(site(page_of(row)))
    follow(plain, plain.get_by_role("button", name="Cancel"))
    confirm(plain)
    expect(badge_of(plain, row)).to_have_text("cancelled")
    follow(plain, plain.get_by_role("link", name="Run again"))
    plain.get_by_label("Title").fill("news")
    plain.get_by_label("Copies").fill("2")
    confirm(plain)
    expect(plain.locator(".boogie-now .boogie-badge")).to_have_text("queued")
    new = Task.objects.exclude(pk=row.pk).get()
    assert new.kwargs["title"] == "news"


def test_a_task_is_started_on_selected_objects_without_scripts(site, plain, root):
    other = get_user_model().objects.create_user("other")
    plain.goto(site("/admin/blog/user/"))
    select(plain, root, other)
    act(plain, f"boogie:{tasks.publish.name}")
    plain.get_by_label("Title").fill("news")
    confirm(plain)
    expect(plain.locator("#result_list tbody tr")).to_have_count(2)
    plain.goto(site(f"/admin/blog/user/{root.pk}/change/"))
    expect(plain.locator("#boogie-tasks tbody tr")).to_have_count(1)


def test_all_failures_of_a_kind_are_acknowledged_without_scripts(site, plain, root):
    errors = [{"attempt": 1, "type": "x.Error", "message": "no", "traceback": ""}]
    for _ in range(2):
        stored("failed", root, name=tasks.publish.name, error_type="x.Error", errors=errors)
    plain.goto(site(f"{LIST}failures/"))
    follow(plain, plain.get_by_role("button", name="Acknowledge all"))
    confirm(plain)
    expect(plain.get_by_text("No failure is open.")).to_be_visible()
    assert Task.objects.exclude(acknowledged=None).count() == 2
