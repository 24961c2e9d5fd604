"""Everything is reached and used by the keyboard, and one always sees where one is."""

import pytest
from django.contrib.auth import get_user_model

from boogie.apps.tasks import Task
from tests.project.blog import tasks
from tests.support import browsers
from tests.support.rows import stored

from .steps import LIST, badge_of, page_of

pytestmark = pytest.mark.django_db(transaction=True)

expect = browsers.playwright().expect

#: More than any page here has places to be at.
MANY = 150

#: Whether somebody sees that the focus is on an element of a page, if it is on one of ours.
IS_SEEN = """
    () => {
        const at = document.activeElement;
        // Of a field for dates the browser marks the part that one is at.
        if (!at.closest("#content") || at.type === "datetime-local") return true;
        const {outlineStyle, outlineWidth, boxShadow} = getComputedStyle(at);
        return (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
    }
"""

#: Whether the focus has come to where it was before; a field for dates has several places.
IS_BACK = """
    () => {
        const at = document.activeElement;
        const isBack = Boolean(at.boogieSeen) && at !== window.boogieLast;
        at.boogieSeen = true;
        window.boogieLast = at;
        return isBack;
    }
"""

WHERE = "document.activeElement.outerHTML.slice(0, 200)"


@pytest.fixture
def root(login):
    user = get_user_model().objects.create_superuser("root", email="a@example.com")
    login(user)
    return user


def go_to(page, target):
    """Press Tab until the focus is on ``target``; it is seen all the way."""
    for _ in range(MANY):
        page.keyboard.press("Tab")
        assert page.evaluate(IS_SEEN), page.evaluate(WHERE)
        if target.evaluate("(one) => one === document.activeElement"):
            return
    raise AssertionError(f"Tab does not lead to {target}")


def press(page, target, key="Enter"):
    go_to(page, target)
    page.keyboard.press(key)


def test_a_row_is_found_by_tab_and_filter_selected_and_retried(site, page, root):
    row = stored("failed", root, name=tasks.publish.name)
    stored("queued", root)
    page.goto(site(LIST))
    press(page, page.locator(".boogie-filters summary"))
    go_to(page, page.locator(".boogie-filters [name=task]"))
    page.keyboard.type(tasks.publish.name)
    page.keyboard.press("Enter")
    expect(page.locator(".boogie-chips li")).to_have_count(1)
    press(page, page.get_by_role("link", name="Failed"))
    expect(page.locator(".boogie-tabs [aria-current]")).to_contain_text("Failed")
    go_to(page, page.locator("select[name=action]").first)
    page.keyboard.type("Retry")
    page.keyboard.press("Shift+Tab")
    press(page, page.locator(f'input.action-select[value="{row.pk}"]'), "Space")
    while not page.locator(".actions button[type=submit]").first.evaluate(
        "(one) => one === document.activeElement"
    ):
        page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Reason")).to_be_visible()
    go_to(page, page.get_by_label("Reason"))
    page.keyboard.type("by hand")
    press(page, page.locator("#content .submit-row [type=submit]"))
    expect(page.locator(".messagelist")).to_contain_text("Retry: 1 task.")
    row.refresh_from_db()
    assert row.is_queued


def test_a_task_is_started_from_the_page_of_an_object_and_cancelled_from_its_own(site, page, root):
    page.goto(site(f"/admin/blog/user/{root.pk}/boogie/{tasks.publish.name}/"))
    go_to(page, page.get_by_label("Title"))
    page.keyboard.type("news")
    press(page, page.get_by_label("Pinned"), "Space")
    press(page, page.locator("#content .submit-row [type=submit]"))
    expect(page.locator("#boogie-tasks tbody tr")).to_have_count(1)
    row = Task.objects.for_object(root).get()
    assert row.kwargs == {"title": "news", "copies": 1, "pinned": True}
    page.goto(site(page_of(row)))
    press(page, page.get_by_role("button", name="Cancel"))
    expect(page.get_by_label("Reason")).to_be_visible()
    press(page, page.locator("#content .submit-row [type=submit]"))
    expect(badge_of(page, row)).to_have_text("cancelled")


WALKED = ["list", "failed row", "huge row", "failures", "workers", "dashboard", "start form"]


@pytest.mark.parametrize("name", WALKED)
def test_one_gets_through_a_page_and_sees_where_one_is(page, visit, name):
    """Ends where the walk began: nothing holds the focus, and all that can have it is seen."""
    visit(page, name)
    page.evaluate("document.activeElement.blur()")
    for _ in range(MANY):
        page.keyboard.press("Tab")
        assert page.evaluate(IS_SEEN), page.evaluate(WHERE)
        if page.evaluate(IS_BACK):
            break
    reached = "[...document.querySelectorAll('*')].filter((one) => one.boogieSeen)"
    assert page.evaluate(f"{reached}.some((one) => one.closest('#header'))")
    ours = "#content :is(a[href], button, summary, input:not([type=hidden]), select, textarea)"
    missed = f"""[...document.querySelectorAll({ours!r})].filter((one) =>
        one.checkVisibility({{visibilityProperty: true}}) && !one.boogieSeen && !one.disabled
        && one.type !== "radio").map((one) => one.outerHTML.slice(0, 200))"""
    assert page.evaluate(missed) == []
