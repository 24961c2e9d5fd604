"""
Rows are started, watched, retried and stopped from the browser, while a real worker runs them.
"""

import contextlib

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model

from boogie.apps.tasks import Task
from tests.project.blog import tasks
from tests.project.blog.models import Post
from tests.project.shop.models import Product
from tests.project.shop.tasks import told_by_function
from tests.support import browsers
from tests.support.names import fresh_name
from tests.support.rows import stored
from tests.support.waiting import wait_until

from .steps import LIST, act, badge_of, confirm, follow, is_marked, mark, page_of, select

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.worker]

expect = browsers.playwright().expect

FAILURES = "/admin/boogie_tasks/task/failures/"

ACTION = f"boogie:{tasks.publish.name}"


@pytest.fixture
def root(worker, login):
    user = get_user_model().objects.create_superuser(fresh_name("root"))
    login(user)
    return user


@pytest.fixture
def people(root):
    """Make people whom no other test has, without addresses."""

    def make(number, **fields):
        users = get_user_model().objects
        return [users.create_user(fresh_name("reader"), **fields) for _ in range(number)]

    return make


@pytest.fixture
def post(root):
    return Post.objects.create(author=root, title="held")


@pytest.fixture
def busy(root):
    """A context in which the one child of the worker has something else to do."""

    @contextlib.contextmanager
    def occupied():
        post = Post.objects.create(author=root, title="occupied")
        tasks.hold.delayed(post)
        wait_until(lambda: Post.objects.get(pk=post.pk).views)
        try:
            yield
        finally:
            let_go(post)

    return occupied


def let_go(post):
    """Let the body that holds on to ``post`` end."""
    Post.objects.filter(pk=post.pk).update(pinned=True)


@pytest.mark.parametrize("served", ["site", "wsgi_site"])
def test_three_selected_users_are_seen_to_finish_without_a_reload(
    request, served, page, people, busy
):
    site = request.getfixturevalue(served)
    users = people(3, email="a@example.com")
    with busy():
        page.goto(site("/admin/blog/user/?q=reader"))
        select(page, *users)
        act(page, ACTION)
        expect(page.locator(".boogie-facts b")).to_have_text("3")
        page.get_by_label("Title").fill("news")
        page.get_by_label("Copies").fill("2")
        confirm(page)
        keys = [user.pk for user in users]
        rows = list(Task.objects.filter(name=tasks.publish.name, object_id__in=keys))
        assert len(rows) == 3
        for row in rows:
            expect(badge_of(page, row)).to_have_text("queued")
        expect(page.locator("#result_list tbody tr")).to_have_count(3)
        mark(page)
    for row in rows:
        expect(badge_of(page, row)).to_have_text("finished")
    assert is_marked(page)
    assert Post.objects.filter(author__in=users, title="news").count() == 6


def failed(*users):
    """Return rows that a worker has run and that failed, about users without addresses."""
    rows = [tasks.publish.delayed(user, "news") for user in users]
    for row in rows:
        wait_until(lambda row=row: Task.objects.filter(pk=row.pk).failed().exists())
    return rows


def test_a_failed_row_is_retried_from_its_page_and_seen_to_finish(site, page, people):
    (user,) = people(1)
    (row,) = failed(user)
    page.goto(site(page_of(row)))
    expect(page.locator(".boogie-failure .boogie-message")).to_contain_text("has no address")
    get_user_model().objects.filter(pk=user.pk).update(email="a@example.com")
    follow(page, page.get_by_role("button", name="Retry"))
    page.get_by_label("Reason").fill("there is one now")
    confirm(page)
    expect(badge_of(page, row)).to_have_text("finished")
    assert user.posts.count() == 1
    assert "there is one now" in LogEntry.objects.get(object_id=str(row.pk)).change_message


def test_all_failed_rows_of_a_kind_are_retried_from_the_page_of_failures(site, page, people):
    users = people(2)
    rows = failed(*users)
    page.goto(site(FAILURES))
    kind = page.locator("tr", has_text="has no address")
    expect(kind.locator('[data-label="Open"]')).to_have_text("2")
    get_user_model().objects.filter(pk__in=[user.pk for user in users]).update(email="a@b.cd")
    follow(page, kind.get_by_role("button", name="Retry all"))
    confirm(page)
    expect(page).to_have_url(site(FAILURES))
    expect(page.locator("tr", has_text="has no address")).to_have_count(0)
    for row in rows:
        wait_until(lambda row=row: Task.objects.filter(pk=row.pk).finished().exists())


def test_a_running_row_is_watched_then_cancelled_from_its_page_and_its_body_stops(
    site, page, root, tmp_path
):
    product = Product.objects.create(name="pen")
    diary = tmp_path / "diary"
    row = told_by_function.delayed(product, str(diary))
    page.goto(site(page_of(row)))
    expect(badge_of(page, row)).to_have_text("running")
    follow(page, page.get_by_role("button", name="Cancel"))
    confirm(page)
    expect(badge_of(page, row)).to_have_text("cancelled")
    wait_until(lambda: "told" in diary.read_text())


def test_a_row_that_begins_to_run_shows_its_bar_on_its_page_without_a_reload(
    site, page, post, busy
):
    with busy():
        row = tasks.stride.delayed(post)
        page.goto(site(page_of(row)))
        expect(badge_of(page, row)).to_have_text("queued")
        mark(page)
    bar = page.locator(".boogie-now").get_by_role("progressbar")
    expect(bar).to_have_attribute("value", "2")
    assert bar.get_attribute("max") == "4"
    let_go(post)
    expect(badge_of(page, row)).to_have_text("finished")
    assert is_marked(page)


def test_all_rows_that_match_are_moved_by_a_row_of_its_own_that_is_watched_to_its_end(
    site, page, root, busy
):
    pen = Product.objects.create(name="pen")
    rows = [stored("paused", pen) for _ in range(130)]
    other = stored("paused")
    with busy():
        page.goto(site(f"{LIST}?status=paused&object=shop.product:{pen.pk}"))
        page.check("#action-toggle")
        page.get_by_text("Select all 130").click()
        act(page, "cancel")
        expect(page.locator(".boogie-facts b")).to_have_text("130")
        page.get_by_label("Reason").fill("flood")
        confirm(page)
        bulk = Task.objects.get(name="boogie_tasks.bulk")
        expect(badge_of(page, bulk)).to_have_text("queued")
        mark(page)
    expect(badge_of(page, bulk)).to_have_text("finished")
    expect(page.locator(".boogie-now .boogie-progress-text")).to_contain_text("130")
    assert is_marked(page)
    assert Task.objects.filter(pk__in=[row.pk for row in rows]).cancelled().count() == 130
    assert Task.objects.filter(pk=other.pk).paused().exists()
    entry = LogEntry.objects.get(user=root)
    assert "130" in entry.object_repr
    assert "flood" in entry.change_message
