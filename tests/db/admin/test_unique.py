"""Pages and commands tell of unique tasks: how they are, and who has the place of a row."""

import io

import pytest
from django.core.management import call_command
from django.urls import reverse

from boogie.apps.tasks.execution import losses
from boogie.apps.tasks.tasks import bulk
from tests.db.admin.test_verbs import ask, confirm
from tests.project.shop.models import Product
from tests.support.browser_forms import sent
from tests.support.rows import claim
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db


@declared(name="db.admin.unique.fall", unique="live", unique_by=["why"])
def fall(product: Product, why: str = ""):
    raise ValueError("no")


@declared(name="db.admin.unique.sweep", unique="waiting", unique_by=lambda product: 1)
def sweep(product: Product):
    pass


@pytest.mark.usefixtures("root")
class TestThePageOfARow:
    def page(self, client, row):
        response = client.get(reverse("admin:boogie_tasks_task_change", args=[row.pk]))
        return " ".join(response.content.decode().split())

    def test_says_what_it_is_unique_by(self, client, pen):
        text = self.page(client, fall.paused(pen))
        assert "One may wait or run at a time. By: the object and why." in text
        text = self.page(client, sweep.paused(pen))
        assert "One may wait at a time. By: the object and what the task makes of the call." in text

    def test_names_the_row_that_has_the_place_and_offers_no_retry(self, client, pen):
        row = work(fall.delayed(pen))
        assert 'value="retry"' in self.page(client, row)
        newer = fall.paused(pen)
        text = self.page(client, row)
        assert 'value="retry"' not in text
        assert f'{newer.pk}/change/">Another one</a> has its place (paused)' in text

    def test_names_the_newer_one_of_a_run_that_gives_way(self, client, pen):
        row = sweep.delayed(pen)
        claim(row)
        newer = sweep.paused(pen)
        assert f'{newer.pk}/change/">A newer one</a> waits' in self.page(client, row)

    def test_tells_of_the_attempt_that_gave_way(self, client, pen):
        row = sweep.delayed(pen)
        claim(row)
        row.refresh_from_db()
        sweep.paused(pen)
        losses.lose(row, "a worker died")
        text = self.page(client, row)
        assert "Superseded" in text
        assert "WorkerLost" in text
        assert 'data-outcome="cancelled"' in text

    def test_says_nothing_of_a_row_that_is_not(self, client, pen):
        assert "<dt>Unique</dt>" not in self.page(client, declared(lambda p: 1).paused(pen))


def test_a_retry_from_the_list_tells_whose_place_is_taken(client, root, pen):
    row = work(fall.delayed(pen))
    other = work(fall.delayed(Product.objects.create(name="other")))
    fall.paused(pen)
    response = confirm(client, ask(client, "retry", row, other))
    text = client.get(response.url).content.decode()
    assert "Retry: 1 task." in text
    assert "The place of 1 is taken" in text


def test_many_retries_tell_how_many_places_are_taken(client, root, pen, monkeypatch):
    from boogie.apps.tasks.admin import confirming

    monkeypatch.setattr(confirming, "AT_ONCE", 1)
    rows = [work(fall.delayed(pen)), work(fall.delayed(pen))]
    confirm(client, ask(client, "retry", *rows))
    row = work(bulk.tasks().get())
    assert row.result == {"verb": "retry", "moved": 1, "taken": 1}


def test_run_again_shows_the_one_that_is_there(client, root, pen):
    row = work(sweep.delayed(pen))
    there = sweep.paused(pen)
    url = reverse("admin:boogie_tasks_task_again", args=[row.pk])
    response = client.post(url, sent(client.get(url).content.decode(), containing="_when"))
    assert str(there.pk) in response.url
    assert "there is one already" in client.get(response.url).content.decode()


def test_the_command_line_says_that_it_is_there(pen):
    out = io.StringIO()
    first = sweep.paused(pen)
    call_command("boogie_run", sweep.name, f"shop.product:{pen.pk}", stdout=out)
    assert out.getvalue().split() == [str(first.pk), "paused", sweep.name, "there", "already"]
