"""Rows without objects in every place that shows rows."""

import json
from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.template import Context, Template
from django.urls import reverse

from boogie.apps.tasks import Task
from boogie.apps.tasks.management import screen
from boogie.apps.tasks.models import Worker
from boogie.apps.tasks.monitoring import describe, glance, health, search
from boogie.apps.tasks.monitoring.filters import Filters
from boogie.apps.tasks.operations import failures
from tests.project.shop import functions
from tests.project.shop.models import Product
from tests.support.runs import declared, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db

ADD = "tests.project.shop.functions.add"

about_products = declared(lambda product: None)


@pytest.fixture
def rows():
    """One row of each status, and one about an object among them."""
    about_products.delayed(Product.objects.create(name="pen"))
    made = {}
    for status in ("paused", "queued", "running", "finished", "failed", "cancelled"):
        function = functions.broken if status == "failed" else functions.add
        made[status] = Task.objects.get(
            pk=function.enqueue("x", b="y").id
            if function is functions.add
            else function.enqueue("x").id
        )
    made["paused"].pause()
    made["cancelled"].cancel()
    work(made["finished"])
    work(made["failed"])
    Task.objects.filter(pk=made["running"].pk).update(
        status="running", started=made["running"].created, attempt=1, due=None, worker="w@h/1"
    )
    for row in made.values():
        row.refresh_from_db()
    return made


@pytest.fixture
def root(client):
    user = get_user_model().objects.create_superuser("root")
    client.force_login(user)
    return user


def page(client, name, *args, **query):
    return client.get(reverse(f"admin:{name}", args=args), query)


# --- the admin ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"task": ADD},
        {"q": ADD},
        {"q": "functions.add"},
        {"status": "failed"},
        {"object": "shop.product:1"},
        {"model": "shop.product"},
    ],
)
def test_the_list_has_them(client, root, rows, query):
    response = page(client, "boogie_tasks_task_changelist", **query)
    assert response.status_code == 200
    shown = {str(row.pk) for row in response.context["cl"].result_list}
    ours = {str(row.pk) for row in rows.values() if row.name == ADD}
    if "task" in query or "q" in query:
        assert shown == ours
    elif not query:
        assert ours < shown
    elif "status" in query:
        assert shown == {str(rows["failed"].pk)}
    else:
        assert not shown & ours


@pytest.mark.parametrize("status", ["paused", "queued", "running", "finished", "failed"])
def test_each_has_its_page(client, root, rows, status):
    row = rows[status]
    response = page(client, "boogie_tasks_task_change", row.pk)
    html = response.content.decode()
    assert response.status_code == 200
    assert row.name in html
    assert "is registered in this process" not in html
    assert response.context["about"] is None
    assert response.context["may_run_again"]
    names = {"add": ["a", "b"], "broken": ["word"]}[row.name.rpartition(".")[2]]
    assert (
        [name for name, _ in response.context["arguments"].tree.items] == names
        if hasattr(response.context["arguments"].tree, "items")
        else all(name in html for name in names)
    )


def test_beside_it_are_the_others_of_its_function(client, root, rows):
    response = page(client, "boogie_tasks_task_change", rows["queued"].pk)
    relatives = response.context["relatives"]
    others = {row.pk for row in rows.values() if row.name == ADD} - {rows["queued"].pk}
    assert {row.pk for row in relatives.same} == others
    assert "object" not in relatives.all_same


def test_who_may_not_see_secrets_sees_arguments_of_functions(client, rows):
    user = get_user_model().objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_task"))
    client.force_login(user)
    response = page(client, "boogie_tasks_task_change", rows["queued"].pk)
    assert response.context["arguments"].is_shown
    assert not response.context["may_run_again"]


def test_a_function_that_is_gone_cannot_be_run_again(client, root, rows):
    Task.objects.filter(pk=rows["failed"].pk).update(name="gone.function")
    response = page(client, "boogie_tasks_task_change", rows["failed"].pk)
    assert not response.context["may_run_again"]
    assert "is registered in this process" in response.content.decode()
    again = client.get(reverse("admin:boogie_tasks_task_again", args=[rows["failed"].pk]))
    assert again.status_code == 302
    assert Task.objects.filter(name="gone.function").count() == 1


def test_a_function_is_run_again_with_its_arguments(client, root, rows):
    url = reverse("admin:boogie_tasks_task_again", args=[rows["failed"].pk])
    before = set(Task.objects.values_list("pk", flat=True))
    assert client.get(url).status_code == 200
    assert set(Task.objects.values_list("pk", flat=True)) == before
    response = client.post(url)
    (made,) = Task.objects.exclude(pk__in=before)
    assert response["Location"] == reverse("admin:boogie_tasks_task_change", args=[made.pk])
    same = ("name", "args", "kwargs", "backend", "queue", "priority")
    assert [getattr(made, one) for one in same] == [getattr(rows["failed"], one) for one in same]
    assert (made.status, made.requested_by) == ("queued", root)
    assert LogEntry.objects.get().object_id == str(made.pk)


def test_who_is_asked_whether_to_run_it_again_reads_its_arguments(client, root, rows):
    url = reverse("admin:boogie_tasks_task_again", args=[rows["failed"].pk])
    text = client.get(url).content.decode()
    given = text.partition("<h2>Arguments</h2>")[2]
    assert ">word<" in given
    assert ">x<" in given
    Task.objects.filter(pk=rows["failed"].pk).update(args=[])
    assert "No arguments." in client.get(url).content.decode()


def test_to_run_it_again_takes_the_permission(client, rows):
    user = get_user_model().objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_task"))
    client.force_login(user)
    url = reverse("admin:boogie_tasks_task_again", args=[rows["failed"].pk])
    assert client.get(url).status_code == client.post(url).status_code == 403


@pytest.mark.parametrize("name", ["failures", "workers", "dashboard"])
def test_the_other_pages_show_them(client, root, rows, name):
    Worker.objects.create(id="w@h/1", host="h", pid=1, queues=["q"], concurrency=1)
    response = page(client, f"boogie_tasks_{name}")
    assert response.status_code == 200
    assert "functions" in response.content.decode()


def test_a_verb_is_asked_for_and_done(client, root, rows):
    data = {"action": "cancel", "_selected_action": [str(rows["queued"].pk)]}
    response = client.post(reverse("admin:boogie_tasks_task_changelist"), data, follow=True)
    assert response.status_code == 200
    assert ADD in response.content.decode()


# --- programs -------------------------------------------------------------------------


def test_health_knows_functions_and_names_those_that_are_gone(rows):
    assert health.examine().unknown == []
    Task.objects.filter(pk=rows["queued"].pk).update(name="gone.function")
    assert health.examine().unknown == ["gone.function"]


def test_they_are_described(rows):
    found = describe.in_full(rows["finished"])
    assert (found["object"], found["object_db"], found["backend"]) == (None, None, "default")
    assert describe.reference(rows["queued"]) == ""
    json.dumps(found)


def test_the_command_lists_and_shows_them(rows):
    out = StringIO()
    call_command("boogie_tasks", "list", task=ADD, stdout=out)
    assert out.getvalue().count(ADD) == 5
    out = StringIO()
    call_command("boogie_tasks", "show", str(rows["failed"].pk), stdout=out)
    assert "LookupError" in out.getvalue()


def test_the_screen_has_them_without_more_statements(rows):
    with statements() as made:
        seen = glance.glance()
    before = len(made)
    assert [(row.task, row.object) for row in seen.running] == [(ADD, "")]
    Task.objects.filter(pk=rows["queued"].pk).update(
        status="running", started=rows["queued"].created, attempt=1, due=None, worker="w@h/1"
    )
    with statements() as made:
        seen = glance.glance()
    assert (len(seen.running), len(made)) == (2, before)
    assert screen.render(seen, 200, 50) if hasattr(screen, "render") else True


def test_they_are_searched_by_their_names(rows):
    assert search.resolved("functions.add") == "task=functions.add"
    found = Filters.parse({"q": "functions.add"}).apply(Task.objects.all())
    assert {row.name for row in found} == {ADD}


def test_failures_are_told_by_their_names(rows):
    page = failures.still_open(Task.objects.all(), ())
    assert [kind.name for kind in page.kinds] == ["tests.project.shop.functions.broken"]


def test_the_state_of_rows_is_told(client, root, rows):
    answer = client.get("/tasks/state", {"row": str(rows["running"].pk)}).json()
    (told,) = answer["rows"] if isinstance(answer, dict) else answer
    assert (told["task"], told["object"]) == (ADD, None)


def test_templates_show_them(rows):
    text = Template("{% load boogie_tasks %}{% task_badge row %}{% task_progress row %}")
    assert "running" in text.render(Context({"row": rows["running"]}))


def test_an_object_has_none_of_them(rows):
    product = Product.objects.get()
    assert {row.backend for row in Task.objects.for_object(product)} == {""}


def test_a_serializer_reads_them_and_edits_none(rows):
    serializers = pytest.importorskip("rest_framework.serializers")

    class Rows(serializers.ModelSerializer):
        class Meta:
            model = Task
            fields = ["id", "name", "content_type", "object_id", "priority", "backend", "args"]

    data = Rows(rows["queued"]).data
    assert (data["content_type"], data["object_id"], data["backend"]) == (None, "", "default")


def test_users_who_ask_for_them_are_named(rows):
    from boogie.apps.tasks.enqueue.origin import Origin, coming_from

    user = get_user_model().objects.create_user("ada")
    with coming_from(Origin(user=user)):
        result = functions.add.enqueue(1)
    assert Task.objects.get(pk=result.id).requested_by == user
