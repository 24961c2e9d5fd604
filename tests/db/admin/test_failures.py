"""Failures by their kind: counted, dated, with a message, and all of a kind moved at once."""

import re
import uuid
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.admin import TaskAdmin
from boogie.apps.tasks.models import Rollup
from boogie.apps.tasks.operations import failures
from tests.support.looking import looked_at
from tests.support.rows import stored
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default"])

URL = reverse("admin:boogie_tasks_failures")
LIST = reverse("admin:boogie_tasks_task_changelist")


class NoStock(Exception):
    """An error of the project's own."""


@declared(name="db.admin.failures.fall")
def fall(obj, own=False, text="no stock <b>"):
    raise (NoStock if own else ValueError)(text)


@declared(name="db.admin.failures.renamed", aliases=["db.admin.failures.old"])
def renamed(obj):
    raise ValueError


def failed(obj, name="db.admin.failures.some", error="app.Error", ago=timedelta(), **fields):
    """Store a row that failed so long ago."""
    then = timezone.now() - ago - timedelta(seconds=1)
    errors = [{"attempt": 1, "type": error, "message": f"said {ago}", "traceback": ""}]
    given = {"error_type": error, "errors": errors, "started": then, "ended": then, **fields}
    return stored("failed", obj, name=name, created=then, **given)


def page(client, **params):
    response = client.get(URL, params)
    assert response.status_code == 200
    return response


def kinds(response):
    return [each["kind"] for each in response.context["kinds"]]


def forms(response):
    """Return what the buttons of the page would post, and where to: by verb."""
    found = {}
    for action, inner in re.findall(
        r'<form method="post" action="([^"]+)">(.*?)</form>', response.content.decode(), re.DOTALL
    ):
        given = re.findall(r'name="(\w+)" value="([^"]*)"', inner)
        data = {name: unescape(value) for name, value in given}
        if "action" in data:
            found.setdefault(data["action"], []).append((unescape(action), data))
    return found


# --- what is shown --------------------------------------------------------------------


def test_failures_are_grouped_by_task_and_error_with_counts_and_a_message(client, root, pen):
    first, last = work(fall.delayed(pen)), work(fall.delayed(pen, text="gone <i>"))
    own = work(fall.delayed(pen, own=True))
    response = page(client)
    by_error = {kind.error_type: kind for kind in kinds(response)}
    assert set(by_error) == {"builtins.ValueError", f"{__name__}.NoStock"}
    kind = by_error["builtins.ValueError"]
    assert (kind.name, kind.open, kind.hour, kind.day, kind.week) == (fall.name, 2, 2, 2, 2)
    assert (kind.first, kind.last, kind.message) == (first.ended, last.ended, "gone <i>")
    text = response.content.decode()
    assert "gone &lt;i&gt;" in text
    for row in (last, own):
        assert reverse("admin:boogie_tasks_task_change", args=[row.pk]) in text


def test_spans_are_an_hour_a_day_and_a_week_and_open_ones_have_no_end(client, root, pen):
    for ago in (0.5, 2, 30, 24 * 8):
        failed(pen, ago=timedelta(hours=ago))
    (kind,) = kinds(page(client))
    assert (kind.hour, kind.day, kind.week, kind.open) == (1, 2, 3, 4)
    assert timedelta(days=7) < kind.last - kind.first < timedelta(days=8)


def test_what_failed_last_comes_first(client, root, pen):
    for number, hours in enumerate((5, 1, 3)):
        failed(pen, name=f"db.admin.failures.n{number}", ago=timedelta(hours=hours))
    assert [kind.name[-2:] for kind in kinds(page(client))] == ["n1", "n2", "n0"]


def test_other_rows_and_acknowledged_failures_are_not_open(client, root, pen):
    work(fall.delayed(pen)).acknowledge(root)
    work(fall.delayed(pen)).retry()
    stored("finished", pen)
    response = page(client)
    assert kinds(response) == []
    assert "No failure is open" in response.content.decode()


def test_failures_of_a_task_that_was_renamed_are_one_kind(client, root, pen):
    work(renamed.delayed(pen))
    failed(pen, name="db.admin.failures.old", error="builtins.ValueError", ago=timedelta(days=9))
    (kind,) = kinds(page(client))
    assert (kind.name, kind.open, kind.week) == (renamed.name, 2, 1)
    assert kind.last - kind.first > timedelta(days=8)


def test_counts_stop_at_a_thousand(client, root, pen, monkeypatch):
    monkeypatch.setattr(failures, "CAP", 3)
    for _ in range(4):
        failed(pen)
    response = page(client)
    assert [str(kind.open) for kind in kinds(response)] == ["3+"]
    assert ">3+<" in response.content.decode()


def test_more_kinds_than_one_page_has_are_on_the_next(client, root, pen, monkeypatch):
    monkeypatch.setattr(failures, "KINDS", 3)
    for number in range(4):
        for error in ("app.A", "app.B"):
            failed(pen, name=f"db.admin.failures.p{number}", error=error)
    seen, response = [], page(client)
    while True:
        seen += [(kind.name[-2:], kind.error_type) for kind in kinds(response)]
        if not response.context["more"]:
            break
        response = client.get(f"{URL}?{response.context['more']}")
    assert sorted(seen) == [(f"p{n}", error) for n in range(4) for error in ("app.A", "app.B")]


def test_all_of_the_week_are_counted_by_rollups_whatever_became_of_the_rows(client, root):
    now = timezone.now()
    key = (now - timedelta(hours=2), "db.admin.failures.gone", "q", "failed", "app.Error")
    ends = (now - timedelta(hours=2), now - timedelta(hours=1))
    figures = (7, 0, 0, {}, {}, *ends, 0, 0)
    Rollup.of("hour", key, figures).save()
    response = page(client, show="all")
    (kind,) = kinds(response)
    assert (kind.name, kind.week, kind.open) == ("db.admin.failures.gone", 7, None)
    assert forms(response) == {}
    assert kinds(page(client)) == []


def test_nothing_of_the_week_is_said_in_words(client, root):
    assert "Nothing has failed" in page(client, show="all").content.decode()


# --- what can be done -----------------------------------------------------------------


@pytest.mark.parametrize(("verb", "status"), [("retry", "queued"), ("acknowledge", "failed")])
def test_a_verb_moves_all_open_rows_of_a_kind_and_no_others(client, root, pen, verb, status):
    mine = [work(fall.delayed(pen)) for _ in range(3)]
    others = [work(fall.delayed(pen, own=True)), failed(pen, error="builtins.ValueError")]
    seen = work(fall.delayed(pen))
    seen.acknowledge(root)
    posts = {data["_selected_action"]: (to, data) for to, data in forms(page(client))[verb]}
    to, data = posts[str(mine[-1].pk)]
    response = client.post(to, data)
    assert response.status_code == 200
    assert response.context["movable"] == 3
    assert response.context["back"] == URL
    token = response.context["selection"]
    response = client.post(to, {**data, "post": "yes", "selection": token})
    assert response.status_code == 302
    assert response["Location"] == URL
    for row in mine:
        row.refresh_from_db()
        assert row.status == status
        assert (row.acknowledged is not None) == (verb == "acknowledge")
    for row in (*others, seen):
        before = row.acknowledged
        row.refresh_from_db()
        assert (row.status, row.acknowledged) == ("failed", before)


def test_a_kind_leads_to_its_rows_in_the_list(client, root, pen):
    row = work(fall.delayed(pen, own=True))
    work(fall.delayed(pen))
    rows = {each["kind"].error_type: each["rows"] for each in page(client).context["kinds"]}
    response = client.get(LIST + rows[f"{__name__}.NoStock"])
    assert [each.pk for each in response.context["cl"].result_list] == [row.pk]


#: Permissions of a member of staff, whether the page is shown, and which verbs it offers.
ALLOWED = [
    ((), 403, set()),
    (("run_task", "retry_task", "delete_task"), 403, set()),
    (("view_task",), 200, set()),
    (("view_task", "cancel_task", "run_task"), 200, set()),
    (("view_task", "retry_task"), 200, {"retry", "acknowledge"}),
]


@pytest.mark.parametrize(("permissions", "status", "verbs"), ALLOWED)
@pytest.mark.parametrize("show", ["", "all"])
def test_the_page_needs_view_and_shows_verbs_that_are_allowed(
    client, member, pen, permissions, status, verbs, show
):
    work(fall.delayed(pen))
    client.force_login(member(*permissions))
    response = client.get(URL, {"show": show})
    assert response.status_code == status
    if status == 200 and not show:
        assert set(forms(response)) == verbs


def test_rows_that_the_admin_leaves_out_are_in_no_kind(client, root, pen, monkeypatch):
    work(fall.delayed(pen))
    work(fall.delayed(pen, own=True))
    every = TaskAdmin.get_queryset
    hidden = f"{__name__}.NoStock"
    monkeypatch.setattr(
        TaskAdmin, "get_queryset", lambda *given: every(*given).exclude(error_type=hidden)
    )
    assert [kind.error_type for kind in kinds(page(client))] == ["builtins.ValueError"]


def test_nobody_sees_it_without_logging_in(client, db):
    assert client.get(URL).status_code == 302


def test_the_page_is_linked_from_the_list_and_from_the_index_of_the_app(client, root):
    for url in (LIST, reverse("admin:app_list", args=["boogie_tasks"])):
        assert f'href="{URL}"' in client.get(url).content.decode()


# --- what it costs --------------------------------------------------------------------


def fill(example, number):
    """Store so many more rows like this one."""
    values = Task.objects.values().get(pk=example.pk)
    rows = [Task(**{**values, "id": uuid.uuid4()}) for _ in range(number)]
    Task.objects.bulk_create(rows, batch_size=200)


def test_queries_do_not_grow_with_failures_and_kinds(
    client, root, pen, django_assert_max_num_queries
):
    for number in range(30):
        fill(failed(pen, name=f"db.admin.failures.k{number}"), 2)
    with django_assert_max_num_queries(10):
        assert len(kinds(page(client))) == 30


@pytest.mark.django_db(transaction=True)  # MariaDB commits before it analyses a table
def test_of_a_large_kind_no_more_is_looked_at_than_the_cap(pen, monkeypatch):
    monkeypatch.setattr(failures, "CAP", 50)
    fill(failed(pen, error="app.Flood"), 1500)
    fill(stored("finished", pen), 3000)
    with connection.cursor() as cursor:
        # Rows of other tests lie dead in the indexes of PostgreSQL.
        words = {"postgresql": "VACUUM ANALYZE", "mysql": "ANALYZE TABLE", "sqlite": "ANALYZE"}
        cursor.execute(f"{words[connection.vendor]} boogie_tasks_task")
        cursor.fetchall() if connection.vendor == "mysql" else None
    with looked_at() as found:
        (kind,) = failures.still_open(Task.objects.all()).kinds
    assert str(kind.open) == "50+"
    # SQLite counts steps of its machine, some dozens for a row.
    assert found[0] < {"postgresql": 700, "mysql": 700, "sqlite": 6000}[connection.vendor]
