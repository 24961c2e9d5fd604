"""Widgets on a page of the project's own follow their rows, by events and by polling."""

import re

import pytest

from boogie.apps.tasks import Progress, Task
from tests.project.shop.models import Product
from tests.support import browsers
from tests.support.rows import coherent, stored
from tests.support.waiting import wait_until

from .steps import hide

pytestmark = pytest.mark.django_db(transaction=True)

expect = browsers.playwright().expect


@pytest.fixture(params=["site", "wsgi_site"])
def served(request):
    """The project under ASGI, where events are sent, and under WSGI, where pages poll."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


def move(row, status, **fields):
    """Have a row be as one in another status is."""
    Task.objects.filter(pk=row.pk).update(**{"due": None, **coherent(status), **fields})


def test_a_badge_and_a_bar_follow_their_row(served, page, pen):
    row = stored("running", pen, progress=Progress(1, 4, "reading", 0.25))
    page.goto(served(f"/widgets/?row={row.pk}"))
    bar = page.get_by_role("progressbar")
    expect(bar).to_have_attribute("value", "1")
    move(row, "running", progress=Progress(3, 4, "writing", 0.75))
    expect(bar).to_have_attribute("value", "3")
    expect(page.locator(".boogie-progress-text")).to_have_text("3 of 4 · writing")
    move(row, "finished")
    expect(page.locator(".boogie-badge")).to_have_text("finished")
    assert page.locator(f'[data-boogie-row="{row.pk}"][data-status="finished"]').count() == 2


def test_a_status_that_changes_is_announced_and_told_as_an_event(served, page, pen):
    row = stored("queued", pen, name="db.rows.said")
    page.goto(served(f"/widgets/?row={row.pk}"))
    page.evaluate(
        "() => document.addEventListener('boogie:status', (e) => (window.told = e.detail))"
    )
    move(row, "running", progress=Progress(1, 2, "", 0.5))
    expect(page.get_by_role("status")).to_have_text("db.rows.said: running")
    told = page.evaluate("window.told")
    assert (told["id"], told["status"]) == (str(row.pk), "running")
    assert told["progress"] == {"done": 1, "total": 2, "note": "", "fraction": 0.5}


def test_new_rows_of_an_object_appear_and_old_ones_make_room(served, page, pen):
    first = stored("finished", pen)
    page.goto(served(f"/widgets/?product={pen.pk}"))
    rows = page.locator("#product li")
    expect(rows).to_have_count(1)
    newer = [stored("queued", pen) for _ in range(3)]
    expect(rows.first).to_have_attribute("data-boogie-row", str(newer[-1].pk))
    expect(rows).to_have_count(3)
    expect(page.locator(f'[data-boogie-row="{first.pk}"]')).to_have_count(0)
    expect(rows.first.locator(".boogie-badge")).to_have_text("queued")
    assert rows.first.locator("time").inner_text()


def test_an_object_without_rows_says_so_until_it_has_one(served, page, pen):
    page.goto(served(f"/widgets/?product={pen.pk}"))
    expect(page.get_by_text("No tasks yet.")).to_be_visible()
    stored("queued", pen)
    expect(page.locator("#product li")).to_have_count(1)
    expect(page.get_by_text("No tasks yet.")).to_be_hidden()


def test_a_page_without_javascript_shows_the_state_of_now(browser, site, pen):
    row = stored("running", pen, progress=Progress(1, 4, "reading", 0.25))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site(f"/widgets/?row={row.pk}"))
    bar = page.get_by_role("progressbar")
    assert (bar.get_attribute("value"), bar.get_attribute("max")) == ("1", "4")
    assert page.locator(".boogie-badge").inner_text() == "running"
    context.close()


def test_one_connection_serves_all_widgets_of_a_page(site, page, pen):
    rows = [stored("queued", pen) for _ in range(5)]
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    query = "&".join(f"row={row.pk}" for row in rows)
    page.goto(site(f"/widgets/?{query}&product={pen.pk}"))
    wait_until(lambda: page.wait_for_timeout(50) or any("events" in url for url in asked))
    for row in rows:
        move(row, "running")
    expect(page.locator('p .boogie-badge[data-status="running"]')).to_have_count(5)
    (events,) = [url for url in asked if "/tasks/events" in url]
    assert len(re.findall("token=", events)) == 6
    assert not any("/tasks/state" in url for url in asked)


def test_a_page_keeps_still_while_somebody_types(served, page, pen):
    keeps_still(served, page, pen, lambda: page.fill("[name=note]", "new"),
                lambda: page.locator("[name=note]").blur())  # fmt: skip


def test_a_page_keeps_still_while_rows_are_selected(served, page, pen):
    keeps_still(served, page, pen, lambda: page.check("[name=selected]"),
                lambda: page.uncheck("[name=selected]"))  # fmt: skip


def test_a_page_keeps_still_while_it_is_hidden(served, page, pen):
    keeps_still(served, page, pen, lambda: hide(page, True), lambda: hide(page, False))


def keeps_still(served, page, pen, begin, end):
    """A second page that is not disturbed shows when there was something to see."""
    row = stored("queued", pen)
    page.goto(served(f"/widgets/?row={row.pk}"))
    other = page.context.new_page()
    other.goto(served(f"/widgets/?row={row.pk}"))
    move(row, "running")
    expect(page.locator(".boogie-badge")).to_have_text("running")
    begin()
    move(row, "finished")
    expect(other.locator(".boogie-badge")).to_have_text("finished")
    assert page.locator(".boogie-badge").inner_text() == "running"
    end()
    expect(page.locator(".boogie-badge")).to_have_text("finished")


def test_a_page_whose_tokens_are_refused_asks_once_and_no_more(wsgi_site, page, pen, complaints):
    asked = []
    page.on("response", lambda response: asked.append((response.url, response.status)))
    row = stored("queued", pen)
    page.clock.install()
    page.route("**/tasks/state*", lambda route: route.fulfill(status=403, json={}))
    page.goto(wsgi_site(f"/widgets/?row={row.pk}"))
    wait_until(lambda: page.wait_for_timeout(50) or any(status == 403 for _, status in asked))
    page.clock.run_for(60_000)
    page.fill("[name=note]", "new")
    page.locator("[name=note]").blur()
    page.clock.run_for(60_000)
    page.evaluate("() => fetch('/widgets/')")
    assert [status for url, status in asked if "/tasks/state" in url] == [403]
    assert "403" in complaints.pop()
