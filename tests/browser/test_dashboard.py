"""The dashboard draws its charts from the page, in the colours of its scheme, and stays fresh."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from playwright.sync_api import expect

from tests.project.shop.models import Product
from tests.support.ends import count_all, ended
from tests.support.rows import stored

from .steps import hide

URL = reverse("admin:boogie_tasks_dashboard")

CHARTS = ["boogie-throughput", "boogie-failures", "boogie-run", "boogie-wait"]

#: The colours of a canvas that are drawn, but for shades at the edges.
COLOURS = """
    (id) => {
        const canvas = document.getElementById(id);
        const {width, height} = canvas;
        const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
        const found = new Map();
        for (let at = 0; at < data.length; at += 4) {
            if (data[at + 3] < 255) continue;
            const colour = data.slice(at, at + 3).join(",");
            found.set(colour, (found.get(colour) || 0) + 1);
        }
        return [...found].filter(([, n]) => n > 20).map(([colour]) => colour);
    }
"""
GREEN, DARK_GREEN, RED = "111,174,139", "76,143,106", "213,73,63"


@pytest.fixture
def pen():
    pen = Product.objects.create(name="pen")
    fail(pen)
    return pen


def fail(pen):
    now = datetime.now(UTC).replace(tzinfo=None)
    for status in ("finished", "failed"):
        ended(pen, now - timedelta(seconds=30), status, name="shop.tasks.sell", error_type="app.E")
    for _ in range(2):
        count_all(now)


@pytest.fixture
def root(login):
    login(get_user_model().objects.create_superuser("root"))


def test_charts_are_drawn_under_a_strict_policy_with_a_table_behind_each(site, page, pen, root):
    page.goto(site(URL))
    for name in CHARTS:
        expect(page.locator(f"#{name}")).to_be_visible()
    assert GREEN in page.evaluate(COLOURS, "boogie-throughput")
    assert RED in page.evaluate(COLOURS, "boogie-failures")
    for summary in page.locator(".boogie-panel summary").all():
        summary.click()
    expect(page.locator("#boogie-points tbody tr")).to_have_count(1)
    expect(page.locator("#boogie-percentiles tbody th")).to_have_text("shop.tasks.sell")


def test_charts_follow_the_scheme_of_the_system_and_of_the_admin(site, page, pen, root):
    page.emulate_media(color_scheme="dark")
    page.goto(site(URL))
    assert DARK_GREEN in page.evaluate(COLOURS, "boogie-throughput")
    page.emulate_media(color_scheme="light")
    page.wait_for_function(f"({COLOURS})('boogie-throughput').includes('{GREEN}')")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"({COLOURS})('boogie-throughput').includes('{DARK_GREEN}')")


def test_without_javascript_the_tables_are_there_and_no_empty_chart(browser, site, page, pen, root):
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies(page.context.cookies())
    plain = context.new_page()
    plain.goto(site(URL))
    expect(plain.locator("canvas").first).to_be_hidden()
    expect(plain.get_by_label("Refresh every minute")).to_be_hidden()
    plain.locator("#boogie-points summary").click()
    expect(plain.locator("#boogie-points tbody tr")).to_have_count(1)
    context.close()


def test_it_is_read_anew_every_minute_and_what_was_open_stays_so(site, page, pen, root):
    page.clock.install()
    page.goto(site(URL))
    failed = page.locator('[data-stat="failed"]')
    expect(failed).to_have_text("1")
    page.locator("#boogie-points summary").click()
    page.evaluate("document.activeElement.blur()")
    fail(pen)
    page.clock.run_for(61_000)
    expect(failed).to_have_text("2")
    expect(page.locator("#boogie-points")).to_have_attribute("open", "")
    assert RED in page.evaluate(COLOURS, "boogie-failures")


def test_it_stays_as_it_is_for_who_wants_that_also_after_a_reload(site, page, pen, root):
    page.clock.install()
    page.goto(site(URL))
    page.get_by_label("Refresh every minute").set_checked(False)
    page.reload()
    expect(page.get_by_label("Refresh every minute")).not_to_be_checked()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(180_000)
    assert asked == []


def test_it_is_not_read_while_it_is_hidden_and_again_once_it_is_not(site, page, pen, root):
    page.clock.install()
    page.goto(site(URL))
    hide(page, True)
    fail(pen)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(180_000)
    assert asked == []
    hide(page, False)
    page.clock.run_for(61_000)
    expect(page.locator('[data-stat="failed"]')).to_have_text("2")


@pytest.mark.parametrize("width", [360, 1400])
def test_it_fits_the_width_of_the_screen(site, page, pen, root, width):
    for n in range(9):
        stored("running", pen, name=f"a.module.of.a.project.whose.names.are.long.task_{n}")
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(site(URL))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
