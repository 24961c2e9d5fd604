"""What people do on the pages of the admin, again and again."""

from django.contrib.admin.utils import quote

LIST = "/admin/boogie_tasks/task/"


def page_of(row):
    """The URL of the page of a row."""
    return f"{LIST}{quote(str(row.pk))}/change/"


def badge_of(page, row):
    """The badge of a row in a list, or on its page beside the title."""
    return page.locator(f'#content .boogie-badge[data-boogie-row="{row.pk}"]').first


def select(page, *objects):
    """Select rows of a list of the admin."""
    for one in objects:
        page.check(f'input.action-select[value="{one.pk}"]')


def follow(page, target):
    """
    Click what leads to another page; return when that is there.

    A click alone returns when the answer begins: the page may have no head and no body yet.
    """
    with page.expect_navigation():
        target.click()


def act(page, action):
    """Choose the action with this name for what is selected, and go where it leads."""
    page.locator('select[name="action"]').first.select_option(action)
    follow(page, page.locator('.actions button[type="submit"]').first)


def confirm(page):
    """Say yes on a page that asks, or send the form of a page; go where that leads."""
    follow(page, page.locator('#content .submit-row input[type="submit"]'))


def mark(page):
    """Put a mark on a page that a reload would wipe off."""
    page.evaluate("window.marked = true")


def is_marked(page):
    """Whether the page was not loaded anew since."""
    return page.evaluate("window.marked === true")


def hide(page, is_hidden):
    """Have a page be behind another, or in front again."""
    page.evaluate(
        """(isHidden) => {
            Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )
