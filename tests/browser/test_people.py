"""People who may only look, strangers, and pages that have grown too old."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from boogie.apps.tasks import Progress, Task
from boogie.apps.tasks.models import Hold
from tests.project.blog import tasks
from tests.project.shop.models import Product
from tests.support import browsers
from tests.support.rows import coherent, stored
from tests.support.waiting import wait_until

from .steps import LIST, act, badge_of, confirm, page_of, select

pytestmark = pytest.mark.django_db(transaction=True)

expect = browsers.playwright().expect

PAGES = [LIST, *(f"{LIST}{name}/" for name in ("dashboard", "failures", "workers"))]

#: Posts a form from within a page, as a forged one would be.
FORGE = """
    async ([url, fields]) => {
        const body = new URLSearchParams(fields);
        const cookie = document.cookie.match(/csrftoken=([^;]+)/)?.[1] ?? "";
        const headers = {"X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]")?.value
            ?? cookie};
        return (await fetch(url, {method: "POST", body, headers})).status;
    }
"""


@pytest.fixture
def viewer(login):
    user = get_user_model().objects.create_user("viewer", is_staff=True)
    names = Permission.objects.filter(codename__in=["view_task", "view_user"])
    user.user_permissions.add(*names)
    login(user)
    return user


def test_who_may_only_look_sees_rows_follow_and_no_verb(site, page, viewer):
    row = stored("failed", viewer, name=tasks.publish.name)
    running = stored("running", viewer, progress=Progress(1, 4, "reading", 0.25))
    for url in [*PAGES, page_of(row), f"/admin/blog/user/{viewer.pk}/change/"]:
        page.goto(site(url))
        expect(page.locator("#content h1").first).to_be_visible()
        expect(page.locator("#content form[method=post] [type=submit]")).to_have_count(0)
        expect(page.locator("select[name=action] option:not([value=''])")).to_have_count(0)
        expect(page.get_by_text("Run again")).to_have_count(0)
    page.goto(site(page_of(running)))
    Task.objects.filter(pk=running.pk).update(**coherent("finished"))
    expect(badge_of(page, running)).to_have_text("finished")


def test_what_who_may_only_look_forges_is_refused(site, page, viewer, complaints):
    row = stored("failed", viewer, name=tasks.publish.name)
    page.goto(site(page_of(row)))
    start = f"/admin/blog/user/{viewer.pk}/boogie/{tasks.publish.name}/"
    given = {"_selected_action": str(row.pk), "index": "0", "post": "yes"}
    of_user = {"action": f"boogie:{tasks.publish.name}", "_selected_action": str(viewer.pk)}
    for url, fields in [
        (LIST, {"action": "retry", **given}),
        (LIST, {"action": "delete", **given, "select_across": "1"}),
        (page_of(row), {"status": "queued"}),
        (f"{LIST}{row.pk}/again/", {"title": "news", "copies": "1", "_when": "now"}),
        (f"{LIST}{row.pk}/delete/", {"post": "yes"}),
        (f"{LIST}workers/", {"action": "shutdown", "worker": "a", "post": "yes"}),
        (f"{LIST}workers/", {"action": "hold", "kind": "queue", "name": "a", "post": "yes"}),
        (start, {"title": "news", "copies": "1", "_when": "now"}),
        ("/admin/blog/user/", of_user),
    ]:
        assert page.evaluate(FORGE, [site(url), fields]) == 403, url
    row.refresh_from_db()
    assert row.is_failed
    assert Task.objects.count() == 1
    assert not Hold.objects.exists()
    assert len(complaints) == 9
    complaints.clear()


def test_a_post_without_the_token_of_the_page_is_refused(site, page, login, complaints):
    login(get_user_model().objects.create_superuser("root"))
    row = stored("failed")
    page.goto(site("/widgets/"))
    fields = {"action": "delete", "_selected_action": str(row.pk), "post": "yes"}
    page.context.clear_cookies(name="csrftoken")
    assert page.evaluate(FORGE, [site(LIST), fields]) == 403
    assert Task.objects.count() == 1
    complaints.clear()


def test_a_verb_that_was_taken_away_in_between_is_refused(site, page, viewer, complaints):
    permission = Permission.objects.get(codename="retry_task")
    viewer.user_permissions.add(permission)
    row = stored("failed", viewer, name=tasks.publish.name)
    page.goto(site(LIST))
    select(page, row)
    act(page, "retry")
    viewer.user_permissions.remove(permission)
    confirm(page)
    expect(page.get_by_role("heading", name="403 Forbidden")).to_be_visible()
    row.refresh_from_db()
    assert row.is_failed
    complaints.clear()


def test_a_stranger_is_sent_to_log_in_and_sees_no_row(site, page, complaints):
    row = stored("failed", name="secret.task.name")
    for url in [*PAGES, page_of(row)]:
        page.goto(site(url))
        expect(page.get_by_label("Password")).to_be_visible()
        expect(page.get_by_text("secret.task.name")).to_have_count(0)
    answer = page.request.get(site(f"/tasks/state?row={row.pk}"))
    assert answer.status == 403
    assert "secret" not in answer.text()


@pytest.mark.parametrize("served", ["site", "wsgi_site"])
def test_a_page_whose_tokens_are_too_old_shows_what_it_has_and_asks_no_more(
    request, served, page, complaints
):
    site = request.getfixturevalue(served)
    row = stored("queued", Product.objects.create(name="pen"))
    answers = []
    page.on("response", lambda response: answers.append((response.url, response.status)))
    page.route("**/widgets/*", with_old_tokens)
    page.clock.install()
    page.goto(site(f"/widgets/?row={row.pk}"))
    wait_until(lambda: page.wait_for_timeout(50) or refused(answers, "/tasks/state"))
    page.clock.run_for(120_000)
    page.evaluate("() => fetch('/widgets/')")
    assert refused(answers, "/tasks/state") == 1
    assert refused(answers, "/tasks/events") <= 1
    assert page.locator(".boogie-badge").inner_text() == "queued"
    assert complaints
    assert all("403" in one for one in complaints)
    complaints.clear()


#: When tokens of this test were signed: in the nineties.
OLD = "0ZZZZ"


def with_old_tokens(route):
    """Have the page carry tokens of long ago, as one that was open for days does."""
    response = route.fetch()
    parts = response.text().split('data-boogie-token="')
    aged = [parts[0], *(aged_token(part) for part in parts[1:])]
    route.fulfill(response=response, body='data-boogie-token="'.join(aged))


def aged_token(part):
    token, quote, rest = part.partition('"')
    value, _moment, signature = token.split(".")
    return f"{value}.{OLD}.{signature}{quote}{rest}"


def refused(answers, path):
    return sum(status == 403 for url, status in answers if path in url)
