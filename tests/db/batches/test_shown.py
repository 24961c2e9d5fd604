"""Pages and commands tell of batches, and of those that cannot end; verbs ask for permissions."""

import contextlib
import io
import uuid

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from boogie.apps.tasks import Batch, batch
from boogie.apps.tasks.admin.batches import bars
from boogie.apps.tasks.batching import watch
from boogie.apps.tasks.monitoring import health
from boogie.apps.tasks.monitoring.held import dead_ends
from tests.db.admin.test_verbs import confirm
from tests.project.shop.models import Product
from tests.support.browser_forms import forms
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(transaction=True)

LIST = reverse("admin:boogie_tasks_batch_changelist")

clean = declared(name="db.batches.clean")(lambda product: None)
breaks = declared(name="db.batches.breaks")(lambda product: 1 / 0)
report = declared(name="db.batches.report")(lambda product, done: None)


@pytest.fixture
def pen():
    return Product.objects.create(name="pen")


@pytest.fixture
def root(client):
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


@pytest.fixture
def month_end(pen):
    with batch(pen, title="Month end", on_end=report) as made:
        row = breaks.delayed(pen)
        clean.each([pen, pen])
        clean.call(pen)
    work(row)
    return Batch.objects.get(pk=made.pk)


def page(client, one):
    response = client.get(reverse("admin:boogie_tasks_batch_change", args=[one.pk]))
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def someone(*permissions):
    user = get_user_model().objects.create_user("someone", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


# --- the list -------------------------------------------------------------------------


def test_the_list_has_a_bar_for_each(root, month_end, django_assert_max_num_queries):
    with batch() as empty:
        pass
    with django_assert_max_num_queries(12):
        text = " ".join(root.get(LIST).content.decode().split())
    assert "Month end" in text
    assert "2 of 4" in text
    assert 'max="4"' in text
    assert 'data-status="running"' in text
    assert f"/batch/{empty.pk}/change/" in text
    assert 'data-status="finished"' in text


def test_rows_that_were_deleted_since_are_in_both_bars(root, month_end):
    clean.clean()
    assert month_end.rows.count() == 3
    month_end.refresh_from_db()
    assert month_end.progress.total == 4
    for text in (root.get(LIST).content.decode(), page(root, month_end)):
        assert "2 of 4" in text
        assert 'max="4"' in text


def test_many_rows_are_counted_to_a_cap(month_end, monkeypatch):
    monkeypatch.setattr(bars, "CAP", 3)
    (bar,) = bars.of([month_end]).values()
    assert bar.words == "2 of 3+ left"
    month_end.deleted_finished, month_end.deleted_others = 2, 1
    (bar,) = bars.of([month_end]).values()
    assert bar.words == "2 of 6+ left"
    assert bar.shown("x")["bar"] == {"is_hidden": True}
    assert bars.of([]) == {}


# --- one batch ------------------------------------------------------------------------


def test_the_page_of_a_batch_shows_what_has_become_of_it(root, month_end):
    text = page(root, month_end)
    assert "2 of 4" in text
    for status, number in (("failed", 1), ("queued", 2), ("finished", 1)):
        assert f'?batch={month_end.pk}&amp;status={status}">{number}</a>' in text
    failed = month_end.rows.failed().get()
    assert f"/task/{failed.pk}/change/" in text
    assert "not called, or deleted" in text
    for row in month_end.rows.queued():
        work(row)
    text = page(root, month_end)
    assert f"/task/{report.tasks().get().pk}/change/" in text
    assert 'data-status="failed"' in text


def test_the_page_of_a_row_leads_to_its_batch(root, month_end, pen):
    row = month_end.rows.first()
    text = root.get(reverse("admin:boogie_tasks_task_change", args=[row.pk])).content.decode()
    assert reverse("admin:boogie_tasks_batch_change", args=[month_end.pk]) in text
    client = someone("view_task")
    text = client.get(reverse("admin:boogie_tasks_task_change", args=[row.pk])).content.decode()
    assert "/batch/" not in text


@pytest.mark.parametrize("key", ["0", "x", "9" * 30, "1/../2"])
def test_a_batch_that_there_is_not_leads_back(root, key):
    url = reverse("admin:boogie_tasks_batch_change", args=[key])
    assert root.get(url).status_code in (302, 404)


def test_a_batch_is_cancelled_and_what_has_failed_is_retried(root, month_end):
    url = reverse("admin:boogie_tasks_batch_change", args=[month_end.pk])
    post(root, url, "cancel", f"?batch={month_end.pk}")
    month_end.refresh_from_db()
    assert month_end.counts()["cancelled"] == 2
    assert month_end.status == "failed"
    post(root, url, "retry", f"?batch={month_end.pk}&status=failed")
    month_end.refresh_from_db()
    assert month_end.status == "running"
    assert month_end.rows.queued().get().name == breaks.name


def post(client, url, verb, query):
    """Press a button of the page, and confirm what is asked then."""
    (form,) = forms(client.get(url), verb)
    asked = client.post(reverse("admin:boogie_tasks_task_changelist") + query, form)
    answer = confirm(client, asked, query)
    assert answer.status_code == 302
    assert answer["Location"] == url


def test_who_may_see_batches_sees_them_and_what_they_may_do(month_end):
    change = reverse("admin:boogie_tasks_batch_change", args=[month_end.pk])
    client = someone("view_task")
    assert client.get(LIST).status_code == client.get(change).status_code == 403
    get_user_model().objects.all().delete()
    client = someone("view_batch")
    text = page(client, month_end)
    assert "Cancel the batch" not in text
    assert "/task/" not in text.split('id="content-main"')[1]
    get_user_model().objects.all().delete()
    client = someone("view_batch", "view_task", "retry_task")
    text = page(client, month_end)
    assert "Cancel the batch" not in text
    assert "Retry what has failed" in text
    assert client.post(change, {"x": 1}).status_code == 403


@pytest.mark.parametrize("url", ["add", "delete", "history"])
def test_nobody_makes_or_deletes_batches_by_hand(root, month_end, url):
    args = [] if url == "add" else [month_end.pk]
    answer = root.get(reverse(f"admin:boogie_tasks_batch_{url}", args=args))
    assert answer.status_code == (200 if url == "history" else 403)


# --- what cannot end ------------------------------------------------------------------


def said(*args, **options):
    out = io.StringIO()
    with contextlib.suppress(SystemExit):
        call_command(*args, stdout=out, **options)
    return out.getvalue()


def test_the_command_finds_the_rows_of_a_batch(month_end):
    for text in (str(month_end.pk), "Month end"):
        assert len(said("boogie_tasks", "list", batch=text).splitlines()) == 4
    assert said("boogie_tasks", "list", batch="None") == ""
    row = month_end.rows.first()
    assert f'"batch": {month_end.pk}' in said("boogie_tasks", "show", str(row.pk))


def test_a_batch_of_which_all_that_is_left_stands_still_is_told_of(root, pen):
    with batch(title="Stands still") as stuck:
        broken = breaks.delayed(pen)
        middle = clean.using(after=broken).delayed(pen)
        clean.using(after=middle).delayed(pen)
        clean.paused(pen)
    with batch(title="Goes on") as going:
        clean.paused(pen)
        clean.using(after=clean.delayed(pen)).delayed(pen)
    assert dead_ends.stuck_batches().waiting == []
    work(broken)
    assert dead_ends.stuck_batches() == dead_ends.StuckBatches([stuck], [])
    assert "stands still" in page(root, stuck)
    assert "stands still" not in page(root, going)
    assert health.examine(history=True).stuck_batches == [{"id": stuck.pk, "title": "Stands still"}]
    assert f" of {stuck.pk} Stands still" in said("boogie_status")
    response = root.get(reverse("admin:boogie_tasks_dashboard"))
    (problem,) = [one for one in response.context["problems"] if one.name == "stuck-batches"]
    assert problem.text.startswith("1 batch cannot end")
    assert problem.link == f"?batch={stuck.pk}"
    stuck.retry()
    assert dead_ends.stuck_batches().waiting == []


def test_what_nobody_declares_is_named_once_and_for_each_call_that_is_owed():
    both = Batch(on_success="tests.no_more", on_end="tests.no_more")
    assert dead_ends.unknown_calls(both) == ["tests.no_more"]
    both.end_id = uuid.uuid4()
    assert dead_ends.unknown_calls(both) == ["tests.no_more"]
    both.success_id = uuid.uuid4()
    assert dead_ends.unknown_calls(both) == []


def test_a_batch_that_calls_what_nobody_declares_is_told_of(root, pen, caplog):
    with batch(title="Renamed", on_end=clean) as renamed:
        row = clean.delayed(pen)
    Batch.objects.filter(pk=renamed.pk).update(on_end="tests.no_more")
    assert "It cannot end" not in page(root, renamed)  # it would not yet, either
    work(row)
    renamed.refresh_from_db()
    assert renamed.status == "running"
    assert dead_ends.stuck_batches() == dead_ends.StuckBatches([], [(renamed, ["tests.no_more"])])
    told = health.examine(history=True)
    assert told.uncalled_batches == [
        {"id": renamed.pk, "title": "Renamed", "names": ["tests.no_more"]}
    ]
    assert any("it calls tests.no_more" in problem for problem in told.problems)
    response = root.get(reverse("admin:boogie_tasks_dashboard"))
    (problem,) = [one for one in response.context["problems"] if one.name == "uncalled-batches"]
    assert "tests.no_more" in problem.text
    assert "nobody declares what it calls: tests.no_more" in page(root, renamed)
    Batch.objects.filter(pk=renamed.pk).update(on_end=clean.name)
    assert dead_ends.stuck_batches().uncalled == []
    watch.Watch().look()
    renamed.refresh_from_db()
    assert renamed.status == "finished"
