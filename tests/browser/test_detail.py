"""The page of a row in a browser: nothing inline, no wider than a phone, and live."""

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from boogie.apps.tasks import Progress, Task
from tests.project.blog.tasks import clean_user_posts
from tests.support import browsers
from tests.support.rows import coherent, stored

from .steps import confirm, follow

pytestmark = pytest.mark.django_db(transaction=True)

expect = browsers.playwright().expect

PHONE = {"width": 360, "height": 740}


@pytest.fixture
def root(login):
    user = get_user_model().objects.create_superuser("root")
    login(user)
    return user


def of_user(user, status, **fields):
    return stored(status, user, name=clean_user_posts.name, **fields)


@pytest.mark.parametrize("ending", ["change/", "again/"])
def test_a_page_is_no_wider_than_a_phone_and_breaks_no_policy(site, page, root, ending):
    trace = "".join(f'  File "/srv/{"long/" * 20}tasks.py", line {n}\n' for n in range(40))
    errors = [
        {"attempt": number, "type": "x.Error", "message": "m" * 300, "traceback": trace}
        for number in (1, 2, 3)
    ]
    line = {"at": timezone.now(), "level": "INFO", "logger": "a.b", "message": "word " * 60}
    row = of_user(root, "failed", errors=errors, log=[line] * 3, kwargs={"force": True})
    page.set_viewport_size(PHONE)
    page.goto(site(f"/admin/boogie_tasks/task/{row.pk}/{ending}"))
    expect(page.locator("h1").last).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_status_and_bar_follow_the_row(site, page, root):
    row = of_user(root, "running", progress=Progress(1, 4, "reading", 0.25))
    page.goto(site(f"/admin/boogie_tasks/task/{row.pk}/change/"))
    bar = page.locator(".boogie-now").get_by_role("progressbar")
    expect(bar).to_have_attribute("value", "1")
    Task.objects.filter(pk=row.pk).update(progress=Progress(3, 4, "writing", 0.75))
    expect(bar).to_have_attribute("value", "3")
    Task.objects.filter(pk=row.pk).update(**coherent("finished"))
    expect(page.locator(".boogie-now .boogie-badge")).to_have_text("finished")


def test_a_row_is_cancelled_from_its_page(site, page, root):
    row = of_user(root, "queued")
    page.goto(site(f"/admin/boogie_tasks/task/{row.pk}/change/"))
    follow(page, page.get_by_role("button", name="Cancel"))
    confirm(page)
    expect(page.locator(".boogie-now .boogie-badge")).to_have_text("cancelled")
    row.refresh_from_db()
    assert row.is_cancelled


def test_a_row_is_run_again_from_its_page(site, page, root):
    row = of_user(root, "failed", kwargs={"force": True})
    page.goto(site(f"/admin/boogie_tasks/task/{row.pk}/change/"))
    follow(page, page.get_by_role("link", name="Run again"))
    follow(page, page.get_by_role("button", name="Run again"))
    expect(page.locator(".boogie-now .boogie-badge")).to_have_text("queued")
    new = Task.objects.exclude(pk=row.pk).get()
    assert str(new.pk) in page.url
    assert new.requested_by == root
