"""The pages of the list, there and back, while rows come in."""

import pytest
from django.contrib.auth import get_user_model

from tests.project.shop.models import Product
from tests.support import browsers
from tests.support.rows import stored

from .steps import LIST, follow

pytestmark = pytest.mark.django_db(transaction=True)

expect = browsers.playwright().expect


@pytest.mark.parametrize(("tab", "status"), [("", "queued"), ("?status=failed", "failed")])
def test_there_and_back_no_row_is_seen_twice_and_none_is_left_out(site, page, login, tab, status):
    login(get_user_model().objects.create_superuser("root"))
    pen = Product.objects.create(name="pen")
    first = {str(stored(status, pen).pk) for _ in range(120)}
    page.goto(site(f"{LIST}{tab}"))
    there = walk(page, "Older", pen, status)
    back = walk(page, "Newer", pen, status)
    assert len(there) == len(set(there)) == 120
    assert set(there) == first
    assert len(back) == len(set(back))
    assert first <= set(back)
    expect(page.get_by_role("link", name="Newer", exact=True)).to_have_count(0)


def walk(page, direction, pen, status):
    """Return the rows of all pages in one direction; two rows come in on each."""
    seen = []
    while True:
        seen += page.locator("#result_list .boogie-badge").evaluate_all(
            "(badges) => badges.map((one) => one.dataset.boogieRow)"
        )
        further = page.get_by_role("link", name=direction, exact=True)
        if not further.count():
            return seen
        for _ in range(2):
            stored(status, pen)
        follow(page, further)
