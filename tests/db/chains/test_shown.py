"""Pages and commands tell of rows that wait for others, and what to do where they do so in vain."""

import io
import json

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.urls import reverse

from boogie.apps.tasks import Task
from boogie.apps.tasks.monitoring import health
from boogie.apps.tasks.monitoring.held import chains, dead_ends
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)

pay = declared(name="db.chains.pay")(lambda product: None)
breaks = declared(name="db.chains.breaks")(lambda product: 1 / 0)
pack = declared(name="db.chains.pack")(lambda product: None)


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def root(client):
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def said(*args, **options):
    out = io.StringIO()
    call_command(*args, stdout=out, **options)
    return out.getvalue()


def page(client, row):
    response = client.get(reverse("admin:boogie_tasks_task_change", args=[row.pk]))
    return " ".join(response.content.decode().split())


def test_the_page_of_a_row_shows_what_it_is_after_and_who_is_after_it(root, pen):
    paid, broken = pay.delayed(pen), work(breaks.delayed(pen))
    packed = pack.using(after=[paid, broken]).delayed(pen)
    last = pack.using(after=packed).delayed(pen)
    text = page(root, packed)
    assert "waits for 2 other tasks, one of which has failed" in text
    assert "Starts after" in text
    assert "Needed by" in text
    for row in (paid, broken, last):
        assert f"/{row.pk}/change/" in text
    assert f"?waits_for={packed.pk}" in text
    assert "waits for another task" in page(root, last)
    alone = page(root, pay.delayed(pen))
    assert "Starts after" not in alone
    assert "Needed by" not in alone


def test_what_was_purged_is_counted_and_not_listed(root, pen):
    packed = pack.using(after=[work(pay.delayed(pen)), pay.delayed(pen)]).delayed(pen)
    pay.clean()
    assert "Others are not listed, or were deleted." in page(root, packed)


def test_the_list_and_the_command_find_what_waits_for_a_row(root, pen):
    paid, other = pay.delayed(pen), pay.delayed(pen)
    packed = pack.using(after=paid).delayed(pen)
    assert said("boogie_tasks", "list", waits_for=str(paid.pk)).split()[0] == str(packed.pk)
    assert said("boogie_tasks", "list", waits_for=str(other.pk)) == ""
    assert str(packed.pk) in said("boogie_tasks", "list", waits_for=pay.name)
    url = reverse("admin:boogie_tasks_task_changelist")
    found = root.get(url, {"waits_for": str(paid.pk)}).context["cl"].result_list
    assert [row.pk for row in found] == [packed.pk]
    work(paid)
    assert said("boogie_tasks", "list", waits_for=str(paid.pk)) == ""


def test_the_status_and_the_dashboard_tell_of_dead_ends(root, pen):
    assert dead_ends.found().rows == 0
    broken = work(breaks.delayed(pen))
    pack.using(after=broken).each([pen] * 3)
    pack.using(after=pay.delayed(pen)).delayed(pen)
    text = said("boogie_status") if not health.examine().problems else ""
    text = text or _status_that_exits()
    words = "3 row(s) wait for others that have failed: retry these, or cancel those that wait: "
    words += f"{breaks.name}[{broken.pk}]"
    assert words in text
    response = root.get(reverse("admin:boogie_tasks_dashboard"))
    (problem,) = [one for one in response.context["problems"] if one.name == "dead-ends"]
    assert problem.text == "3 tasks wait for others that have failed."
    assert str(broken.pk) in problem.advice
    assert problem.link == f"?waits_for={broken.pk}"


def _status_that_exits():
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("boogie_status", stdout=out)
    return out.getvalue()


def test_rows_that_wait_for_others_are_no_backlog(pen):
    pack.using(after=work(breaks.delayed(pen))).delayed(pen)
    Task.objects.queued().update(created="2020-01-01T00:00:00+00:00")
    found = health.examine(history=True)
    assert found.oldest_due is None
    assert (found.stuck, found.waiting) == (0, 0)
    assert found.lines == []
    assert json.loads(json.dumps(found.as_dict()))["dead_ends"]["rows"] == 1


def test_who_waits_in_vain_is_told_what_for(pen):
    paid = pay.paused(pen)
    packed = pack.using(after=paid).delayed(pen)
    assert chains.in_words(packed) == "waits for another task"
    with pytest.raises(TimeoutError, match=f"waits for {paid.name}.{paid.pk}., which is paused"):
        packed.wait(0)
