"""What other themes, and older Djangos, leave out is in a stylesheet that yields to theirs."""

import re

import pytest
from django.test import override_settings
from django.urls import reverse

from tests.db.admin import object_site
from tests.house.sources import APP
from tests.project.shop.models import Product
from tests.support.rows import stored

STYLES = (APP / "static/boogie_tasks/themes.css").read_text()

pytestmark = [pytest.mark.once, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def own_site():
    with override_settings(ROOT_URLCONF=object_site.__name__):
        yield


def test_every_page_of_ours_has_it(client, admin_user):
    client.force_login(admin_user)
    pen = Product.objects.create(name="pen")
    row = stored("failed", pen, name=object_site.greet.name, errors=[])
    names = [
        *("task_changelist", "dashboard", "failures", "workers"),
        *(("task_change", row.pk), ("task_again", row.pk)),
    ]
    urls = [
        reverse(f"admin:boogie_tasks_{name}", args=args)
        for name, *args in ((n,) if isinstance(n, str) else n for n in names)
    ]
    urls += [
        reverse("admin:shop_product_change", args=[pen.pk]),
        reverse("admin:shop_product_boogie_start", args=[pen.pk, object_site.greet.name]),
    ]
    without = [url for url in urls if "boogie_tasks/themes.css" not in _text(client, url)]
    assert without == []


def _text(client, url):
    response = client.get(url)
    assert response.status_code == 200, url
    return response.content.decode()


def test_its_rules_count_for_nothing_beside_a_theme():
    rules = re.sub(r"/\*.*?\*/", "", STYLES, flags=re.DOTALL)
    selectors = [line.removesuffix("{").strip() for line in rules.splitlines() if line[-1:] == "{"]
    assert len(selectors) > 5
    strong = [text for text in selectors if not text.startswith(":where(")]
    # Django's own rule for links is stronger than that.
    assert strong == [".boogie-page ol.breadcrumbs a:any-link"]
