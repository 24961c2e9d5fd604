"""The page of a row: who sees it, what it shows first, and that it changes nothing."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from boogie.apps.tasks import Progress, Task
from boogie.apps.tasks.lifecycle import states
from tests.project.shop.models import Product
from tests.support.looking import looked_at
from tests.support.rows import columns, stored
from tests.support.runs import by_worker, declared
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

STATUSES = [str(status) for status, _label in states.STATUS]


@declared(bind=True, max_retries=2, log="INFO")
def deliver(self, product, to="ada"):
    raise self.retry(countdown=0, exc=ValueError(f"the mailbox of {to} is full"))


@declared
def touch(product, word=""):
    return {"word": word}


def page_of(row):
    return reverse("admin:boogie_tasks_task_change", args=[row.pk])


def shown(client, row, query=""):
    response = client.get(page_of(row) + query)
    assert response.status_code == 200
    return response.content.decode()


def section(text, name):
    """Return the part of a page under the heading with this id."""
    found = re.search(rf'<section[^>]*aria-labelledby="{name}">(.*?)</section>', text, re.DOTALL)
    return found and found[1]


def linked(text):
    """Return the keys of the rows that a list shows."""
    return re.findall(r'class="boogie-task" href="[^"]*/task/([^/]+)/change/"', text)


# --- who sees it ------------------------------------------------------------------------


def test_a_row_is_shown_to_those_who_may_view_rows_alone(client, member, pen):
    row = touch.paused(pen)
    assert client.get(page_of(row)).status_code == 302  # to the login
    client.force_login(member(name="eve"))
    assert client.get(page_of(row)).status_code == 403
    assert client.get("/admin/boogie_tasks/task/nobody/change/").status_code == 403
    client.force_login(member("view_task"))
    assert str(row.pk) in shown(client, row)


@pytest.mark.parametrize("key", ["no-key", "01a21709-b6d9-7ae0-867b-d4ee7abd3733", "x/y"])
def test_a_row_that_is_not_there_leads_to_where_django_leads(client, root, key):
    response = client.get(f"/admin/boogie_tasks/task/{key}/change/", follow=True)
    assert response.redirect_chain[-1][0] == "/admin/"
    assert "Perhaps it was deleted" in response.content.decode()


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nothing_of_a_row_can_be_edited(client, root, pen, method):
    row = touch.paused(pen)
    before = columns(row)
    answer = getattr(client, method)(page_of(row), {"priority": 9, "name": "x", "status": "queued"})
    assert answer.status_code == 403
    assert columns(row) == before


def test_the_history_of_django_goes_on_working(client, root, pen):
    row = touch.paused(pen)
    LogEntry.objects.log_actions(root.pk, [row], 2, change_message="looked at", single_object=True)
    link = reverse("admin:boogie_tasks_task_history", args=[row.pk])
    assert link in shown(client, row)
    assert "looked at" in client.get(link).content.decode()


# --- what it shows ------------------------------------------------------------------------


def test_the_error_of_a_failed_row_comes_first(client, root, pen):
    row = by_worker(deliver, pen)
    text = shown(client, row)
    places = [text.index(part) for part in ("Why it failed", "mailbox of ada", "boogie-row-facts")]
    assert places == sorted(places)
    why = section(text, "boogie-error")
    assert "<strong" in why
    assert "builtins.ValueError" in why
    assert "<details open>" in why
    assert "in deliver" in why


def test_an_error_of_before_is_shown_of_a_row_that_waits_to_be_tried_again(client, root):
    entry = {"attempt": 1, "type": "x.Error", "message": "not yet", "traceback": "", "at": None}
    text = shown(client, stored("queued", attempt=1, retries=1, errors=[entry]))
    assert "The last error" in text
    assert "Why it failed" not in text


def test_markup_in_whatever_a_row_carries_is_text(client, root, pen):
    pen.name = "<b>pen</b>"
    pen.save()
    row = stored("failed", pen, name="<i>task</i>", kwargs={"<u>": "<s>"}, queue="<q>")
    error = {"attempt": 3, "type": "a.<em>", "message": "<h1>", "traceback": "<h2>", "at": "x"}
    line = {"at": timezone.now(), "level": "<a>", "logger": "<p>", "message": "<li>!"}
    Task.objects.filter(pk=row.pk).update(errors=[error], log=[line], requested_by_name="<kbd>")
    text = shown(client, row)
    for raw in ("<i>", "<u>", "<s>", "<q>", "<em>", "<h1><", "<h2><", "<a>", "<li>!", "<kbd>"):
        assert raw not in text


def test_a_row_says_who_asked_for_it_and_which_row_made_it(client, root, pen):
    parent = touch.paused(pen)
    row = touch.using(requested_by=root).paused(pen)
    Task.objects.filter(pk=row.pk).update(parent_id=parent.pk)
    text = shown(client, row)
    assert re.search(rf'<a href="[^"]*/blog/user/{root.pk}/change/">root</a>', text)
    assert re.search(rf'<dt>Made by</dt><dd><a href="{page_of(parent)}">', text)
    Task.objects.filter(pk=parent.pk).delete()
    assert re.search(rf"<dt>Made by</dt><dd><code>{parent.pk}</code>.*deleted", shown(client, row))


def test_a_user_is_linked_for_those_who_may_see_users_alone(client, root, member, pen):
    row = touch.using(requested_by=root).paused(pen)
    client.force_login(member("view_task"))
    text = shown(client, row)
    assert "root" in text
    assert f"/blog/user/{root.pk}/change/" not in text


def test_the_newest_20_children_are_shown_with_their_number_and_the_way_to_more(client, root, pen):
    parent = touch.paused(pen)
    rows = [stored("finished", pen, name=touch.name, parent_id=parent.pk) for _ in range(23)]
    children = section(shown(client, parent), "boogie-children")
    assert linked(children) == [str(row.pk) for row in rows[:2:-1]]
    assert ">23<" in children
    (older,) = re.findall(r'href="(\?children=[^"#]+)', children)
    rest = section(shown(client, parent, older), "boogie-children")
    assert linked(rest) == [str(row.pk) for row in rows[2::-1]]
    assert "Newest" in rest
    first = section(shown(client, parent, "?children=nonsense"), "boogie-children")
    assert linked(first) == linked(children)


def test_rows_of_the_same_task_on_the_same_object_are_shown_and_no_others(client, root, pen):
    row = touch.paused(pen)
    same = [touch.paused(pen) for _ in range(12)]
    touch.paused(Product.objects.create(name="ink"))
    deliver.paused(pen)
    text = section(shown(client, row), "boogie-same")
    assert linked(text) == [str(one.pk) for one in same[:1:-1]]
    assert f"?task={touch.name}&amp;object=shop.product%3A{pen.pk}" in text


def test_a_bar_that_stands_still_is_marked(client, root, pen):
    long_ago = timezone.now() - timedelta(hours=1)
    row = stored("running", pen, progress=Progress(4, 10, "cleaning", 0.4), progressed=long_ago)
    text = shown(client, row)
    assert "<progress" in text
    assert "cleaning" in text
    assert "boogie-stalled" in text
    Task.objects.filter(pk=row.pk).update(progressed=timezone.now())
    assert "boogie-stalled" not in shown(client, row)


def test_what_a_body_logged_is_shown(client, root):
    lines = [
        {"at": timezone.now(), "level": "ERROR", "logger": "mail", "message": f"line {number}"}
        for number in range(30)
    ]
    log = section(shown(client, stored("running", log=lines)), "boogie-log")
    assert log.count('data-level="ERROR"') == 30
    assert "line 29" in log
    assert "<details>" in log  # it is long
    assert "<details open>" in section(
        shown(client, stored("running", log=lines[:3])), "boogie-log"
    )


@pytest.mark.parametrize("use_tz", [True, False])
def test_times_are_local_ones_whatever_use_tz_says(client, root, pen, use_tz):
    at = datetime(2026, 7, 1, 12, 34, 56, tzinfo=UTC)
    row = stored("failed", pen, attempt=2, retries=1)
    errors = [{"attempt": n, "type": "x.E", "message": "", "at": at.isoformat()} for n in (1, 2)]
    line = {"at": at, "level": "INFO", "logger": "mail", "message": "sent"}
    Task.objects.filter(pk=row.pk).update(errors=errors, log=[line])
    with override_settings(USE_TZ=use_tz, TIME_ZONE="Asia/Tokyo"):
        text = shown(client, row)
    assert text.count("21:34:56</time>") == 2
    assert "12:34:56" not in re.sub(r'datetime="[^"]*"', "", text)


def test_a_failure_that_was_acknowledged_says_by_whom(client, root, pen):
    row = stored("failed", pen, errors=[{"attempt": 3, "type": "x.E", "message": ""}])
    row.acknowledge(root)
    assert "Acknowledged by root" in shown(client, row)


def test_a_row_whose_object_or_task_is_gone_is_shown(client, root):
    row = stored("failed", name="nobody.knows")
    Product.objects.all().delete()
    Task.objects.filter(pk=row.pk).update(content_type_id=10**6)
    text = shown(client, row)
    assert "No task nobody.knows is registered" in text


# --- verbs ------------------------------------------------------------------------------------

FITTING = {
    "paused": {"run", "cancel", "terminate", "erase", "delete"},
    "queued": {"pause", "cancel", "terminate", "erase", "delete"},
    "running": {"cancel", "terminate", "erase"},
    "finished": {"erase", "delete"},
    "failed": {"retry", "acknowledge", "erase", "delete"},
    "cancelled": {"retry", "erase", "delete"},
}


def verbs(text):
    return set(re.findall(r'name="action" value="(\w+)"', text))


@pytest.mark.parametrize("status", STATUSES)
def test_the_verbs_that_fit_the_status_are_offered(client, root, status):
    assert verbs(shown(client, stored(status))) == FITTING[status]


def test_a_row_that_waits_for_its_time_may_be_run_now(client, root, pen):
    assert "run_now" in verbs(shown(client, touch.schedule(600, pen)))


def test_a_failure_is_acknowledged_once(client, root):
    row = stored("failed")
    row.acknowledge()
    assert verbs(shown(client, row)) == {"retry", "erase", "delete"}


@pytest.mark.parametrize(
    ("permission", "offered"),
    [
        ("run_task", {"pause"}),
        ("cancel_task", {"cancel", "terminate"}),
        ("retry_task", set()),
        ("erase_task", {"erase"}),
        ("delete_task", {"delete"}),
    ],
)
def test_the_verbs_that_the_user_may_do_are_offered(client, member, permission, offered):
    client.force_login(member("view_task", permission))
    assert verbs(shown(client, stored("queued"))) == offered


def test_a_verb_of_the_page_is_posted_as_an_action_of_the_list_and_leads_back(client, root, pen):
    row = touch.paused(pen)
    form = re.search(
        r'<form method="post" action="([^"]+)" aria-label.*?</form>', shown(client, row), re.S
    )
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
    answer = client.post(form[1], {**fields, "action": "run", "post": "yes"})
    assert answer.url == page_of(row)
    row.refresh_from_db()
    assert row.is_queued


# --- what it costs ------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
def test_a_page_takes_at_most_15_statements(client, member, root, pen, status):
    parent = touch.paused(pen)
    row = stored(status, pen, name=touch.name, parent_id=parent.pk)
    for _ in range(30):
        stored("finished", pen, name=touch.name, parent_id=row.pk)
    now = timezone.now()
    changes = {"requested_by_id": str(root.pk), "requested_by_name": "root"}
    changes |= {"progress": Progress(1, 2), "progressed": now} if status == "running" else {}
    changes |= {"acknowledged": now, "acknowledged_by_id": str(root.pk)}
    Task.objects.filter(pk=row.pk).update(**changes)
    everything = [f"{verb}_task" for verb in ("view", "add", "delete", "run", "cancel", "retry")]
    client.force_login(member(*everything, "shop.change_product", "blog.view_user"))
    with statements() as made:
        shown(client, row)
    assert len(made) <= 15


def test_a_page_looks_at_no_more_rows_when_there_are_many(client, root, pen):
    row = touch.paused(pen)
    kind = row.content_type
    shown(client, row)

    def cost():
        with looked_at() as found:
            shown(client, row)
        return found[0]

    def fill(number):
        Task.objects.bulk_create(
            Task(name=touch.name, content_type=kind, object_id=str(10**6 + at))
            for at in range(number)
        )
        if connection.vendor == "postgresql":  # as a real one has it: of statistics
            with connection.cursor() as cursor:
                cursor.execute(f"ANALYZE {Task._meta.db_table}")

    fill(100)
    few = cost()
    fill(3000)
    assert cost() <= few * 1.5 + 100
