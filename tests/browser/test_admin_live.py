"""The list of the admin is live, and keeps still while rows are selected."""

import pytest
from django.contrib.auth import get_user_model

from boogie.apps.tasks import Task
from tests.project.shop.models import Product
from tests.support import browsers
from tests.support.rows import coherent, stored

pytestmark = pytest.mark.django_db(transaction=True)

expect = browsers.playwright().expect


@pytest.mark.parametrize("served", ["site", "wsgi_site"])
def test_rows_of_the_list_follow_while_none_is_selected(request, page, login, served):
    site = request.getfixturevalue(served)
    login(get_user_model().objects.create_superuser("root"))
    pen = Product.objects.create(name="pen")
    rows = [stored("queued", pen) for _ in range(100)]
    page.goto(site("/admin/boogie_tasks/task/"))
    badge = page.locator(f'.boogie-badge[data-boogie-row="{rows[-1].pk}"]')
    expect(badge).to_have_text("queued")
    Task.objects.filter(pk=rows[-1].pk).update(due=None, **coherent("running"))
    expect(badge).to_have_text("running")
    page.locator("input.action-select").first.check()
    Task.objects.filter(pk=rows[-1].pk).update(**coherent("finished"))
    page.wait_for_timeout(2500)
    assert badge.inner_text() == "running"
    page.locator("input.action-select").first.uncheck()
    expect(badge).to_have_text("finished")
