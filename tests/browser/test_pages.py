"""Every page: nothing inline, no wider than a phone, readable in both schemes, accessible."""

import json

import pytest

from tests.support import browsers

from . import world as worlds

pytestmark = pytest.mark.django_db(transaction=True)

expect = browsers.playwright().expect

PHONE = {"width": 360, "height": 740}

#: What counts as found.
SERIOUS = ("serious", "critical")


every_page = pytest.mark.parametrize("name", worlds.PAGES)


@every_page
def test_a_page_breaks_no_policy_and_is_no_wider_than_the_screen(page, visit, name):
    page.set_viewport_size(PHONE)
    visit(page, name)
    expect(page.locator("h1").last).to_be_visible()
    for width in (PHONE["width"], 768, 1280):
        page.set_viewport_size({**PHONE, "width": width})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


#: What is Django's own: its header, its sidebar, the form of an object, and a search in a field.
OF_DJANGO = ["#header", "#nav-sidebar", "#toggle-nav-sidebar", ".breadcrumbs", "#user_form"]
OF_DJANGO += [".select2-container"]

RUN = """
    async (options) => {
        const {violations} = await axe.run(
            {exclude: options.exclude},
            {resultTypes: ["violations"]},
        );
        return violations.map(({id, impact, nodes}) => [id, impact, nodes.map((n) =>
            `${n.target} ${n.html.slice(0, 150)} ${n.any.map((a) => a.message)}`)]);
    }
"""


def audit(page):
    from axe_playwright_python.base import AXE_SCRIPT  # a module is skipped before it is needed

    page.evaluate(AXE_SCRIPT)
    found = page.evaluate(RUN, {"exclude": [[one] for one in OF_DJANGO]})
    return [one for one in found if one[1] in SERIOUS]


@pytest.fixture(scope="module")
def auditor(browser, cookies):
    """A page on which a script of the test may run beside those of the policy."""
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(browsers.PATIENCE)
    yield page
    context.close()


@pytest.fixture
def look_at(auditor, visit):
    """Return a function that has the auditor go to a page, on which colours change at once."""

    def look_at(name):
        visit(auditor, name)
        auditor.add_style_tag(content="* { transition: none !important; }")

    return look_at


COLOURS = """
    () => [...document.querySelectorAll("body *")].map((one) => {
        const {color, backgroundColor, borderColor, fill, stroke} = getComputedStyle(one);
        return [one.tagName, one.className.baseVal ?? one.className,
                color, backgroundColor, borderColor, fill, stroke].join(" ");
    })
"""


@every_page
def test_a_page_is_accessible_in_both_schemes_whoever_chose_them(auditor, look_at, name):
    look_at(name)
    found, seen = {}, {}
    for scheme, other in [("light", "dark"), ("dark", "light")]:
        choose(auditor, other, theme=scheme)
        seen[scheme] = auditor.evaluate(COLOURS)
        choose(auditor, scheme, theme="auto")
        assert auditor.evaluate(COLOURS) == seen[scheme]
        found[scheme] = audit(auditor)
    assert seen["light"] != seen["dark"]
    assert not any(found.values()), json.dumps(found, indent=1)


def choose(page, scheme, theme):
    """Have the system prefer a scheme, and the admin's own button be at a theme."""
    page.emulate_media(color_scheme=scheme)
    page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
