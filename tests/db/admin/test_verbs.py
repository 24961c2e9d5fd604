"""Verbs from the list: asked for, shown, confirmed, done, and refused where they are to be."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse

from boogie.apps.tasks import Task
from boogie.apps.tasks.monitoring.verbs import VERBS
from tests.project.shop.models import Product
from tests.support.rows import coherent, stored
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default"])

look = declared(lambda obj: str(obj), name="db.admin.verbs.look")


@declared(name="db.admin.verbs.fall")
def fall(obj):
    raise ValueError("no")


URL = reverse("admin:boogie_tasks_task_changelist")

MAKE = {
    "run": look.paused,
    "run_now": lambda obj: look.schedule(3600, obj),
    "pause": look.delayed,
    "cancel": look.delayed,
    "terminate": look.delayed,
    "retry": lambda obj: work(fall.delayed(obj)),
    "acknowledge": lambda obj: work(fall.delayed(obj)),
    "erase": look.delayed,
    "delete": look.delayed,
}


def ask(client, verb, *rows, query="", **data):
    """Choose rows in the list, and a verb."""
    keys = [str(row.pk) for row in rows]
    return client.post(
        URL + query, {"action": verb, "_selected_action": keys, "index": "0", **data}
    )


def fields(response):
    """Return what the form of a confirmation page would post."""
    text = response.content.decode()
    form = text[text.index('class="boogie-confirm"') :]
    found = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form):
        found.setdefault(name, []).append(value)
    found.pop("csrfmiddlewaretoken", None)
    return found


def confirm(client, response, query="", **data):
    return client.post(URL + query, {**fields(response), **data})


def state(row):
    """Return what a verb can change of a row."""
    found = Task.objects.filter(pk=row.pk).values(
        "status", "due", "acknowledged", "acknowledged_by_id", "not_before"
    )
    return found.first()


@pytest.mark.parametrize("name", MAKE)
def test_a_verb_is_shown_confirmed_done_and_logged(client, root, pen, name):
    row, bystander = MAKE[name](pen), MAKE[name](pen)
    before, other = state(row), state(bystander)
    response = ask(client, name, row)
    assert response.status_code == 200
    text = response.content.decode()
    assert str(row.pk) in text
    assert str(VERBS[name].what) in text
    assert state(row) == before
    response = confirm(client, response, reason="told so")
    assert response.status_code == 302
    assert state(row) != before
    assert state(bystander) == other
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.user) == (str(row.pk), root)
    assert "told so" in entry.change_message


def test_all_verbs_are_tried():
    assert set(MAKE) == set(VERBS)


NEEDS = {
    name: "delete_task" if name == "delete" else verb.permission.partition(".")[2]
    for name, verb in VERBS.items()
}


@pytest.mark.parametrize("name", MAKE)
def test_a_verb_needs_its_own_permission_in_both_posts(client, member, root, pen, name):
    row = MAKE[name](pen)
    before = state(row)
    page = ask(client, name, row)
    others = {"view_task", "change_task", "add_task", *NEEDS.values()} - {NEEDS[name]}
    client.force_login(member(*others))
    assert ask(client, name, row).status_code == 403
    assert confirm(client, page).status_code == 403
    assert (
        client.post(
            URL, {"action": name, "_selected_action": str(row.pk), "post": "yes"}
        ).status_code
        == 403
    )
    assert state(row) == before
    offered = client.get(URL).content.decode()
    assert f'<option value="{name}"' not in offered
    client.force_login(member("view_task", NEEDS[name], name="eve"))
    assert f'<option value="{name}"' in client.get(URL).content.decode()
    assert confirm(client, ask(client, name, row)).status_code == 302
    assert state(row) != before


@pytest.mark.parametrize("name", MAKE)
def test_who_may_not_view_rows_may_not_move_them(client, member, pen, name):
    row = MAKE[name](pen)
    before = state(row)
    client.force_login(member(NEEDS[name]))
    assert ask(client, name, row).status_code == 403
    assert state(row) == before


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_row_that_came_to_match_after_the_page_was_shown_is_left_alone(client, root, pen, status):
    row = stored(status, pen)
    query = f"?status={status}"
    page = ask(client, "cancel", row, query=query, select_across="1")
    later = look.paused(pen)
    Task.objects.filter(pk=later.pk).update(created=row.created, **coherent(status))
    confirm(client, page, query=query)
    assert state(row)["status"] == "cancelled"
    assert state(later)["status"] == status


def test_djangos_own_page_deletes_no_row_that_runs(client, root, pen):
    row = stored("running", pen)
    url = reverse("admin:boogie_tasks_task_delete", args=[row.pk])
    assert client.get(url).status_code == 403
    assert client.post(url, {"post": "yes"}).status_code == 403
    assert state(row)["status"] == "running"


def test_djangos_own_page_deletes_for_who_may_view_and_delete(client, member, pen):
    row = look.delayed(pen)
    url = reverse("admin:boogie_tasks_task_delete", args=[row.pk])
    for permission in ("delete_task", "view_task"):
        client.force_login(member(permission, name=permission))
        assert client.post(url, {"post": "yes"}).status_code == 403
    client.force_login(member("view_task", "delete_task", name="eve"))
    assert client.post(url, {"post": "yes"}).status_code == 302
    assert state(row) is None


def test_all_that_match_are_those_of_the_filter_that_was_shown(client, root, pen):
    rows = [work(fall.delayed(pen)) for _ in range(3)]
    other = work(fall.delayed(root))
    query = f"?status=failed&object=shop.product:{pen.pk}"
    page = ask(client, "retry", rows[0], query=query, select_across="1")
    assert "3" in page.content.decode()
    made_later = work(fall.delayed(pen))
    failed_later = fall.paused(pen)
    # Another filter in the URL, or none, is not the one that was confirmed.
    confirm(client, page, query="")
    assert Task.objects.queued().count() == 3
    assert {row.pk for row in Task.objects.queued()} == {row.pk for row in rows}
    assert state(made_later)["status"] == state(other)["status"] == "failed"
    assert state(failed_later)["status"] == "paused"


def test_a_row_that_failed_after_the_page_was_shown_is_left_alone(client, root, pen):
    first, second = work(fall.delayed(pen)), fall.delayed(pen)
    page = ask(client, "retry", first, query="?task=db.admin.verbs.fall", select_across="1")
    work(second)
    confirm(client, page)
    assert state(first)["status"] == "queued"
    assert state(second)["status"] == "failed"


def test_a_row_that_no_longer_matches_is_left_alone(client, root, pen):
    row = work(fall.delayed(pen))
    page = ask(client, "delete", row, query="?status=failed")
    row.retry()
    confirm(client, page)
    assert state(row)["status"] == "queued"


def test_the_page_of_one_user_or_verb_is_none_of_another(client, root, member, pen):
    row = look.delayed(pen)
    page = fields(ask(client, "pause", row, select_across="1"))
    response = client.post(URL, {**page, "action": "cancel", "select_across": "1"})
    assert response.status_code == 200
    assert state(row)["status"] == "queued"
    client.force_login(member("view_task", "run_task"))
    assert client.post(URL, page).status_code == 200
    assert state(row)["status"] == "queued"


def test_all_that_match_without_a_page_is_asked_for_first(client, root, pen):
    row = look.delayed(pen)
    data = {"action": "cancel", "_selected_action": str(row.pk), "select_across": "1"}
    response = client.post(URL, {**data, "post": "yes"})
    assert response.status_code == 200
    assert state(row)["status"] == "queued"


def test_keys_that_are_none_do_nothing(client, root, pen):
    look.delayed(pen)
    response = client.post(URL, {"action": "cancel", "_selected_action": "x", "index": "0"})
    assert response.status_code == 200
    assert Task.objects.cancelled().count() == 0


def test_one_goes_back_to_where_one_came_from_on_this_site_alone(client, root, pen):
    for wish, place in [
        ("/admin/blog/user/", "/admin/blog/user/"),
        ("https://elsewhere.example/", f"{URL}?status=queued"),
        ("", f"{URL}?status=queued"),
    ]:
        page = ask(client, "pause", look.delayed(pen), query="?status=queued", next=wish)
        assert confirm(client, page, query="?status=queued").url == place


def test_a_running_row_is_not_deleted(client, root, pen):
    row = look.delayed(pen)
    Task.objects.filter(pk=row.pk).update(
        status="running", attempt=1, started=row.created, due=None
    )
    page = ask(client, "delete", row)
    assert "None of these tasks" in page.content.decode()


# --- many -----------------------------------------------------------------------------


@pytest.fixture
def many(pen, monkeypatch):
    monkeypatch.setattr("boogie.apps.tasks.admin.confirming.AT_ONCE", 3)
    monkeypatch.setattr("boogie.apps.tasks.monitoring.selection.CHUNK", 2)
    return [look.delayed(pen) for _ in range(7)]


def bulk():
    return Task.objects.get(name="boogie_tasks.bulk")


def test_many_rows_are_moved_by_a_row_of_the_user_who_asked(client, root, pen, many):
    page = ask(client, "cancel", many[0], query="?status=queued", select_across="1")
    response = confirm(client, page, reason="flood")
    row = bulk()
    assert response.url == reverse("admin:boogie_tasks_task_change", args=[row.pk])
    assert row.requested_by == root
    assert row.object == root
    later = look.delayed(pen)
    work(row)
    assert row.status == "finished", row.errors
    assert row.get_result() == {"verb": "cancel", "moved": 7}
    assert row.progress.done == row.progress.total == 7
    assert Task.objects.cancelled().count() == 7
    assert state(later)["status"] == "queued"
    entry = LogEntry.objects.get()
    assert entry.user == root
    assert "flood" in entry.change_message
    assert "queued" in entry.change_message
    assert "7" in entry.object_repr


@pytest.mark.parametrize("lost", ["permission", "sight", "account"])
def test_a_bulk_asks_again_when_it_runs(client, member, pen, many, lost):
    user = member("view_task", "cancel_task")
    client.force_login(user)
    confirm(client, ask(client, "cancel", many[0], select_across="1"))
    if lost != "account":
        codename = {"permission": "cancel_task", "sight": "view_task"}[lost]
        user.user_permissions.remove(Permission.objects.get(codename=codename))
    else:
        user.is_active = False
        user.save()
    row = work(bulk())
    assert row.status == "failed"
    assert {"permission": "cancel_task"}.get(lost, "view_task") in row.error
    assert Task.objects.cancelled().count() == 0


def test_a_bulk_that_is_cancelled_stops_and_says_what_it_did(client, root, pen, many, monkeypatch):
    confirm(client, ask(client, "pause", many[0], query="?status=queued", select_across="1"))
    row, do = bulk(), VERBS["pause"].do

    def stop_after(rows, user):
        moved = do(rows, user)
        Task.objects.filter(pk=row.pk).cancel()
        return moved

    monkeypatch.setitem(VERBS, "pause", _with(VERBS["pause"], do=stop_after))
    monkeypatch.setattr("boogie.apps.tasks.execution.cancellation.CHECK_EVERY", 0)
    work(row)
    assert row.status == "cancelled"
    assert Task.objects.paused().count() == 2
    assert "2 tasks" in LogEntry.objects.get().object_repr


def test_a_bulk_logs_what_it_moves_while_it_moves_it(client, root, many, monkeypatch):
    """Whoever is killed meanwhile has left an entry: nothing is written at the end alone."""
    confirm(client, ask(client, "pause", many[0], query="?status=queued", select_across="1"))
    do, said = VERBS["pause"].do, []

    def listen(rows, user):
        entry = LogEntry.objects.get()
        assert entry.object_repr in entry.change_message
        said.append(entry.object_repr)
        return do(rows, user)

    monkeypatch.setitem(VERBS, "pause", _with(VERBS["pause"], do=listen))
    assert work(bulk()).is_finished
    assert said == ["0 tasks moved", "2 tasks moved", "4 tasks moved", "6 tasks moved"]
    assert LogEntry.objects.get().object_repr == "7 tasks moved"


def test_a_bulk_leaves_alone_what_failed_after_its_page_was_shown(client, root, pen, monkeypatch):
    monkeypatch.setattr("boogie.apps.tasks.admin.confirming.AT_ONCE", 1)
    rows, later = [work(fall.delayed(pen)) for _ in range(3)], fall.delayed(pen)
    page = ask(client, "retry", rows[0], query="?task=db.admin.verbs.fall", select_across="1")
    work(later)
    confirm(client, page)
    assert work(bulk()).get_result()["moved"] == 3
    assert {state(row)["status"] for row in rows} == {"queued"}
    assert state(later)["status"] == "failed"


def _with(verb, **changes):
    from dataclasses import replace

    return replace(verb, **changes)


# --- an admin that shows some rows alone ----------------------------------------------


@pytest.fixture
def only_of_pens(monkeypatch, pen):
    """Have the admin show rows about the pen alone."""
    monkeypatch.setattr(
        "boogie.apps.tasks.admin.task_admin.TaskAdmin.get_queryset",
        lambda self, request: Task.objects.filter(object_id=str(pen.pk), queue__gt=""),
    )


@pytest.mark.usefixtures("only_of_pens")
@pytest.mark.parametrize("at_once", [100, 1])
def test_rows_that_an_admin_leaves_out_are_not_moved(client, root, pen, monkeypatch, at_once):
    monkeypatch.setattr("boogie.apps.tasks.admin.confirming.AT_ONCE", at_once)
    rows, hidden = [look.delayed(pen) for _ in range(3)], look.delayed(Product.objects.create())
    assert str(hidden.pk) not in client.get(URL).content.decode()
    assert "None of these tasks" in ask(client, "pause", hidden).content.decode()
    confirm(client, ask(client, "pause", *rows, select_across="1"))
    if at_once == 1:
        work(bulk())
    assert {state(row)["status"] for row in rows} == {"paused"}
    assert state(hidden)["status"] == "queued"
    client.post(URL, {"action": "pause", "_selected_action": str(hidden.pk), "post": "yes"})
    assert state(hidden)["status"] == "queued"


def test_a_bulk_is_not_begun_again_by_somebody_else(client, root, member, pen, many):
    confirm(client, ask(client, "delete", many[0], select_across="1"))
    row = bulk()
    row.cancel()
    client.force_login(member("view_task", "retry_task"))
    confirm(client, ask(client, "retry", row))
    assert state(row)["status"] == "cancelled"
    client.force_login(root)
    confirm(client, ask(client, "retry", row))
    assert state(row)["status"] == "queued"
