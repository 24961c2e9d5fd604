"""What nobody types and somebody sends: answered in words, never by an error of the server."""

from urllib.parse import urlencode

import pytest
from django.urls import reverse

from boogie.apps.tasks import Task
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default"])


@declared(name="db.admin.hostile.fall")
def fall(obj):
    raise ValueError("no")


LIST = reverse("admin:boogie_tasks_task_changelist")
FILTERS = ("status", "task", "queue", "requested_by", "since", "until", "model", "object", "q")
TEXTS = ("\0", "a\0b", "shop.product:\0", "worker=\0", "%", "\\", "9" * 5000, "999999w")


@pytest.mark.parametrize("name", [*FILTERS, "error_type", "open", "after", "before"])
def test_the_list_takes_any_text_in_its_url(client, root, pen, name):
    work(fall.delayed(pen))
    for text in TEXTS:
        assert client.get(LIST, {name: text}).status_code in (200, 302), text


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize(
    "text", ["999999w", "0001-01-01", "1900-01-01", "1969-12-31", "9999-12-31"]
)
def test_a_range_of_long_ago_or_far_off_is_answered(client, root, pen, name, text):
    work(fall.delayed(pen))
    for page in (LIST, reverse("admin:boogie_tasks_dashboard")):
        assert client.get(page, {name: text}).status_code == 200


def test_a_place_among_failures_that_is_none_is_answered(client, root, pen):
    work(fall.delayed(pen))
    query = urlencode({"after": ["\0", "a\0b"]}, doseq=True)
    response = client.get(f"{reverse('admin:boogie_tasks_failures')}?{query}")
    assert "db.admin.hostile.fall" in response.content.decode()


def test_the_state_of_an_object_whose_key_no_database_takes_is_no_error(client, root):
    for text in ("shop.product:\0", "sessions.session:a\0b", "sessions.session:\0"):
        url = reverse("boogie_tasks:state")
        assert client.get(url, {"object": text}).status_code == 400


def test_the_number_of_a_menu_may_be_any_text(client, root, pen):
    row = work(fall.delayed(pen))
    data = {"action": "retry", "_selected_action": str(row.pk), "index": "9" * 5000}
    assert client.post(LIST, data).status_code == 200
    assert Task.objects.get(pk=row.pk).is_failed
