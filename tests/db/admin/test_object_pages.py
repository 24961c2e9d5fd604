"""The pages of objects: what ran on them, what can be started, and by whom."""

import html
import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from boogie.apps.tasks import Task, queues
from boogie.apps.tasks.testing import assert_made
from tests.db.admin import object_site
from tests.db.admin.object_site import greet, guarded, noted, of_orders, of_users, picky, wreck
from tests.project.blog.models import User
from tests.project.shop.models import Bargain, Label, Order, Product
from tests.support.browser_forms import names_in, sent
from tests.support.rows import stored
from tests.support.runs import work
from tests.support.statements import statements

OWN_FORM = (
    '{% extends "admin/change_form.html" %}'
    "{% block content %}{{ block.super }}<i>of their own</i>{% endblock %}"
)

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        (
                            "django.template.loaders.locmem.Loader",
                            {"object_site/change_form.html": OWN_FORM},
                        ),
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
        },
    }
]

pytestmark = pytest.mark.django_db


# Of the module: with the setting go all templates and patterns of URLs that were read.
@pytest.fixture(scope="module", autouse=True)
def own_site():
    with override_settings(ROOT_URLCONF=object_site.__name__, TEMPLATES=TEMPLATES):
        yield


def change_url(obj):
    return reverse(
        f"admin:{obj._meta.app_label}_{obj._meta.model_name}_change", args=[quote(obj.pk)]
    )


def list_url(model):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def start_url(obj, task):
    name = f"admin:{obj._meta.app_label}_{obj._meta.model_name}_boogie_start"
    return reverse(name, args=[quote(obj.pk), task.name])


def page(client, url, status=200):
    response = client.get(url)
    assert response.status_code == status
    return response.content.decode()


def section(text):
    """Return the section of a page; empty if there is none."""
    return text.partition('<section class="boogie-tasks"')[2].partition("</section>")[0]


def starts(text):
    return re.findall(r'<a href="[^"]*/boogie/([\w.]+)/"', section(text))


def verb_forms(text):
    return re.findall(r"<form.*?</form>", text, re.DOTALL)


# --- the section ----------------------------------------------------------------------


def test_the_newest_rows_of_the_object_are_shown_with_all_that_is_asked_of_them(client, root, pen):
    done = work(greet.using(requested_by=root).delayed(pen, word="x"))
    failed = work(wreck.delayed(pen))
    waiting = greet.delayed(pen)
    greet.delayed(Product.objects.create(name="another"))
    shown = section(page(client, change_url(pen)))
    order = [str(row.pk) for row in (waiting, failed, done)]
    links = re.findall(r'<th scope="row"[^>]*><a href="[^"]*/([-0-9a-f]{36})/change/">', shown)
    assert links == order
    for words in ("db.objects.greet", "finished", "root", "ms", "ValueError: wrecked", "x pen"):
        assert words in shown
    assert f'data-boogie-row="{done.pk}" data-status="finished"' in shown
    tasks = reverse("admin:boogie_tasks_task_changelist")
    assert f'<a href="{tasks}?object=shop.product%3A{pen.pk}">' in shown


def test_what_holds_a_row_back_is_said(client, root, pen):
    stored("queued", pen, queue="slow")
    assert "boogie-held" not in section(page(client, change_url(pen)))
    queues.hold("slow")
    shown = section(page(client, change_url(pen)))
    assert '<span class="boogie-held">held by the hold of the queue slow</span>' in shown


def test_no_more_than_twenty_rows_are_read_and_nothing_large(client, root, pen):
    for minutes in range(23):
        at = timezone.now() - timedelta(minutes=minutes)
        stored("finished", pen, created=at, result={"large": "x" * 50_000})
    with statements() as made:
        shown = section(page(client, change_url(pen)))
    assert shown.count('<th scope="row"') == 20
    assert "large" in shown
    assert len(shown) < 40_000
    rows = [sql for sql in made if "boogie_tasks_task" in sql and "FROM" in sql]
    assert any("LIMIT 20" in sql for sql in rows)
    assert len(made) <= 15, "\n".join(made)


def test_a_page_with_twenty_rows_asks_no_more_than_one_with_one(client, root, pen):
    stored("failed", pen, errors=[])
    page(client, change_url(pen))
    with statements() as one:
        page(client, change_url(pen))
    for _ in range(19):
        stored("failed", pen, errors=[])
    with statements() as twenty:
        page(client, change_url(pen))
    assert len(twenty) == len(one)


def test_who_may_not_view_rows_sees_nothing_of_them(client, member, pen):
    greet.delayed(pen)
    client.force_login(member("shop.view_product", "shop.change_product", "add_task"))
    text = page(client, change_url(pen))
    assert section(text) == ""
    assert "db.objects.greet" not in text
    client.force_login(member("shop.view_product", "view_task", name="viewer"))
    shown = section(page(client, change_url(pen)))
    assert "db.objects.greet" in shown
    assert starts(shown) == []
    assert "<form" not in shown


VERBS = {
    "run_task": {"pause", "run_now"},
    "cancel_task": {"cancel", "terminate"},
    "erase_task": set(),
    "delete_task": {"delete"},
    "retry_task": set(),
}


@pytest.mark.parametrize(("permission", "verbs"), VERBS.items())
def test_the_verbs_of_a_row_are_those_that_the_user_may_do_and_that_move_it(
    client, member, pen, permission, verbs
):
    row = greet.schedule(3600, pen)
    client.force_login(member("shop.view_product", "view_task", permission))
    shown = section(page(client, change_url(pen)))
    assert set(re.findall(r'name="action" value="(\w+)"', shown)) == verbs
    for verb in verbs:
        data = sent(
            re.search(rf'<form[^>]*>(?:(?!</form>).)*value="{verb}".*?</form>', shown, re.S)[0]
        )
        assert data["_selected_action"] == str(row.pk)


def test_a_verb_is_done_and_leads_back_to_the_object(client, root, pen):
    row = greet.delayed(pen)
    shown = section(page(client, change_url(pen)))
    (form,) = [form for form in verb_forms(shown) if 'value="pause"' in form]
    response = client.post(reverse("admin:boogie_tasks_task_changelist"), sent(form))
    assert response.status_code == 302
    assert response.url == f"{change_url(pen)}#boogie-tasks"
    row.refresh_from_db()
    assert row.is_paused


def test_what_destroys_is_asked_about_first(client, root, pen):
    row = greet.delayed(pen)
    shown = section(page(client, change_url(pen)))
    (form,) = [form for form in verb_forms(shown) if 'value="cancel"' in form]
    response = client.post(reverse("admin:boogie_tasks_task_changelist"), sent(form))
    assert response.status_code == 200
    row.refresh_from_db()
    assert row.is_queued


def test_rows_of_a_proxy_are_shown_on_the_pages_of_both(client, root):
    pen = Bargain.objects.create(name="pen")
    row = greet.delayed(pen)
    for obj in (pen, Product.objects.get()):
        assert str(row.pk) in section(page(client, change_url(obj)))


def test_the_template_and_urls_and_actions_of_an_admin_stay_its_own(client, root):
    pen = Bargain.objects.create(name="pen")
    text = page(client, change_url(pen))
    assert "<i>of their own</i>" in text
    assert starts(text) == ["db.objects.greet", "db.objects.unsaid"]
    text = page(client, list_url(Bargain))
    assert re.findall(r'<option value="([^"]+)">', text) == [
        "delete_selected",
        "own",
        "boogie:db.objects.greet",
        "boogie:db.objects.unsaid",
    ]


def test_pages_to_add_and_pop_ups_have_no_section(client, root, pen):
    assert section(page(client, reverse("admin:shop_product_add"))) == ""
    assert section(page(client, f"{change_url(pen)}?_popup=1")) == ""


@pytest.mark.parametrize(
    "make",
    [
        lambda: Label.objects.create(text='a/b c_d"e'),
        lambda: Order.objects.create(),
        lambda: User.objects.create_user("ann"),
    ],
    ids=["text", "UUID", "user"],
)
def test_objects_with_odd_keys_have_tasks_too(client, root, make):
    obj = make()
    task = {Label: noted, Order: of_orders, User: of_users}[type(obj)]
    text = page(client, change_url(obj))
    assert task.name in starts(text)
    (link,) = re.findall(rf'<a href="([^"]*/boogie/{re.escape(task.name)}/)"', text)
    data = {**sent(page(client, html.unescape(link)), "_when"), "note": "n", "token": "t"}
    response = client.post(html.unescape(link), data)
    assert response.status_code == 302
    assert response.url == f"{change_url(obj)}#boogie-tasks"
    assert Task.objects.get().object == obj


# --- starting on one object -----------------------------------------------------------


def test_a_task_is_started_with_its_form_and_logged(client, root, pen):
    text = page(client, start_url(pen, greet))
    assert "Say a word to a product." in text
    assert {"word", "times", "title", "_when"} <= names_in(text)
    assert "<h1>Greet 100 %</h1>" in text
    response = client.post(
        start_url(pen, greet), {**sent(text, "word"), "word": "hi", "times": "2"}, follow=True
    )
    row = Task.objects.get()
    assert row.kwargs == {"word": "hi", "times": 2, "title": ""}
    assert row.requested_by == root
    assert str(row.pk) in section(response.content.decode())
    assert "Started: Greet 100 %." in response.content.decode()
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.user) == (str(pen.pk), root)
    assert entry.change_message == "Started “Greet 100 %” (db.objects.greet)."


def test_arguments_may_be_called_as_what_a_form_has(client, root, pen):
    row = guarded.paused(pen, summary="short")
    again = reverse("admin:boogie_tasks_task_again", args=[row.pk])
    for text in (page(client, start_url(pen, guarded)), page(client, again)):
        assert '<p class="boogie-summary">Guard it.</p>' in text or "<p>Guard it.</p>" in text
        assert {"summary", "errors", "media"} <= names_in(text)
        assert "errornote" not in text


def test_a_form_with_an_error_starts_nothing(client, root, pen):
    response = client.post(start_url(pen, greet), {"word": "x", "times": "many", "_when": "now"})
    assert response.status_code == 200
    assert "Enter a whole number." in response.content.decode()
    assert not Task.objects.exists()


def test_a_dangerous_task_needs_a_check(client, root, pen):
    text = page(client, start_url(pen, wreck))
    assert "boogie-danger" in page(client, change_url(pen))
    data = sent(text, "_when")
    assert client.post(start_url(pen, wreck), data).status_code == 200
    assert not Task.objects.exists()
    assert client.post(start_url(pen, wreck), {**data, "_sure": "on"}).status_code == 302
    assert Task.objects.get().is_queued


def test_a_row_may_start_later_or_when_somebody_runs_it(client, root, pen):
    data = sent(page(client, start_url(pen, greet)), "_when")
    client.post(start_url(pen, greet), {**data, "_when": "at", "_at": "2099-01-02T03:04"})
    client.post(start_url(pen, greet), {**data, "_when": "paused"})
    rows = list(Task.objects.order_by("pk"))
    assert rows[0].scheduled_for.year == 2099
    assert rows[1].is_paused


def test_an_object_as_an_argument_is_searched_for(client, root, member):
    User.objects.create_user("ann")
    order = Order.objects.create()
    text = page(client, start_url(order, of_orders))
    assert "admin-autocomplete" in text
    assert "admin/js/autocomplete.js" in text
    (url,) = re.findall(r'data-ajax--url="([^"]+)"', text)
    asked = {
        name: re.search(rf'data-{name.replace("_", "-")}="([^"]+)"', text)[1]
        for name in ("app_label", "model_name", "field_name")
    }
    found = client.get(url, {**asked, "term": "an"}).json()["results"]
    assert [one["text"] for one in found] == ["ann"]
    assert client.get(url, {**asked, "model_name": "post"}).status_code == 404
    assert client.get(url, {**asked, "model_name": "seat"}).status_code == 403
    assert client.get(url).status_code == 403
    client.force_login(member("view_task", "add_task", "shop.change_order"))
    assert client.get(url, {**asked, "term": "an"}).status_code == 403


def test_what_is_not_there_is_not_found(client, root, pen):
    gone = Product(pk=pen.pk + 1)
    page(client, start_url(gone, greet), 404)
    page(client, start_url(pen, of_orders), 404)


# --- permissions ----------------------------------------------------------------------

ALL = ("shop.view_product", "shop.change_product", "view_task", "add_task")
FULL = (*ALL, "shop.delete_product")

#: Who may start what: the permissions of a user, and the tasks.
WHO = {
    "everything": (FULL, {greet, guarded, picky, wreck}),
    "all but what a task asks for": (ALL, {greet, picky, wreck}),
    "without add_task": (FULL[:3] + FULL[4:], {guarded, picky}),
    "without change": ((ALL[0], *FULL[2:]), set()),
    "only to view": (ALL[:1], set()),
}
TASKS = [greet, guarded, picky, wreck]


@pytest.mark.once
@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize(("permissions", "allowed"), WHO.values(), ids=WHO)
def test_every_handler_asks_whether_the_user_may(client, member, pen, permissions, allowed, task):
    client.force_login(member(*permissions))
    may = task in allowed
    status = 200 if may else 403
    url, rows = start_url(pen, task), list_url(Product)
    choice = {"action": f"boogie:{task.name}", "_selected_action": [pen.pk]}
    confirmed = {**choice, "post": "yes", "_when": "now", "_sure": "on", "times": "1"}
    assert client.get(url).status_code == status
    assert client.post(rows, {**choice, "index": "0"}).status_code == status
    assert client.post(rows, choice).status_code == status
    assert (f'value="boogie:{task.name}"' in page(client, rows)) is may
    if "view_task" in permissions:
        assert (task.name in starts(page(client, change_url(pen)))) is may
    assert not Task.objects.exists()
    for posted, data in ((url, confirmed), (rows, confirmed), (rows, {**confirmed, "index": "0"})):
        assert client.post(posted, data).status_code == (302 if may else 403)
    assert Task.objects.count() == (3 if may else 0)
    assert LogEntry.objects.count() == (3 if may else 0)


def test_who_is_not_logged_in_or_no_longer_active_does_nothing(client, member, pen):
    for user in (None, member(*FULL, is_active=False)):
        if user is not None:
            client.force_login(user)
        assert client.get(start_url(pen, greet)).status_code == 302
        response = client.post(start_url(pen, greet), {"_when": "now", "times": "1"})
        assert "/login/" in response.url
    assert not Task.objects.exists()


def test_an_object_that_the_admin_locks_is_refused_by_name_and_number(client, member):
    client.force_login(member("shop.view_order", "shop.change_order", "view_task", "add_task"))
    free, locked = Order.objects.create(), Order.objects.create(note="locked")
    assert starts(page(client, change_url(locked))) == []
    assert of_orders.name in starts(page(client, change_url(free)))
    page(client, start_url(locked, of_orders), 403)
    for extra in ({}, {"post": "yes", "token": "t", "_when": "now"}):
        data = {"action": f"boogie:{of_orders.name}", **extra}
        both = client.post(list_url(Order), {**data, "_selected_action": [free.pk, locked.pk]})
        assert both.status_code == 403
        assert "You may not do this to 1 of these objects." in both.content.decode()
        assert not Task.objects.exists()
        one = client.post(list_url(Order), {**data, "_selected_action": [free.pk]})
        assert one.status_code == (302 if extra else 200)


def test_a_permission_of_a_task_is_asked_about_each_object(client, root, pen):
    fancy = Product.objects.create(name="fancy")
    assert picky.name not in starts(page(client, change_url(fancy)))
    page(client, start_url(fancy, picky), 403)
    data = {"action": f"boogie:{picky.name}", "post": "yes", "_when": "now"}
    both = client.post(list_url(Product), {**data, "_selected_action": [pen.pk, fancy.pk]})
    assert both.status_code == 403
    assert client.post(list_url(Product), {**data, "_selected_action": [pen.pk]}).status_code == 302
    assert Task.objects.get().object == pen


# --- actions of the list --------------------------------------------------------------


@pytest.fixture
def shelf():
    return [Product.objects.create(name=f"pen {n}", stock=n % 2) for n in range(10)]


def ask(client, task, objects, query="", **data):
    keys = [obj.pk for obj in objects]
    return client.post(
        list_url(Product) + query,
        {"action": f"boogie:{task.name}", "_selected_action": keys, "index": "0", **data},
    )


def confirm(client, response, query="", **data):
    text = response.content.decode()
    given = sent(text, "_when")
    given["_selected_action"] = re.findall(r'name="_selected_action" value="(\w+)"', text)
    return client.post(list_url(Product) + query, {**given, **data})


def test_an_action_shows_the_number_the_form_and_leads_to_the_rows(client, root, shelf):
    shown = ask(client, greet, shelf[:3])
    text = shown.content.decode()
    assert "<dd><b>3</b></dd>" in text
    assert {"word", "times", "_when"} <= names_in(text)
    assert not Task.objects.exists()
    before = greet.delayed(shelf[0])
    response = confirm(client, shown, word="hi")
    assert response.status_code == 302
    made = Task.objects.exclude(pk=before.pk)
    assert {row.object for row in made} == set(shelf[:3])
    assert all(row.kwargs == {"word": "hi", "times": 1, "title": ""} for row in made)
    assert all(row.requested_by == root for row in made)
    rows = page(client, response.url)
    assert all(str(row.pk) in rows for row in made)
    assert str(before.pk) not in rows
    assert LogEntry.objects.count() == 3


def test_all_that_match_are_those_of_the_filter(client, root, shelf):
    query = "?stock=1"
    shown = ask(client, greet, shelf[1:3:2], query, select_across="1")
    assert "<dd><b>5</b></dd>" in shown.content.decode()
    assert confirm(client, shown, query).status_code == 302
    assert {row.object for row in Task.objects.all()} == set(shelf[1::2])


def test_a_search_is_a_filter_too(client, root, shelf):
    shown = ask(client, greet, shelf[7:8], "?q=pen+7", select_across="1")
    confirm(client, shown, "?q=pen+7")
    assert Task.objects.get().object == shelf[7]


def test_an_error_in_the_form_is_shown_and_nothing_started(client, root, shelf):
    shown = confirm(client, ask(client, greet, shelf[:2]), times="x")
    assert shown.status_code == 200
    assert "Enter a whole number." in shown.content.decode()
    assert not Task.objects.exists()
    assert confirm(client, shown, times="1").status_code == 302
    assert Task.objects.count() == 2


def test_a_dangerous_action_needs_a_check(client, root, shelf):
    shown = ask(client, wreck, shelf[:2])
    assert 'class="default boogie-danger"' in shown.content.decode()
    assert confirm(client, shown).status_code == 200
    assert not Task.objects.exists()
    assert confirm(client, shown, _sure="on").status_code == 302
    assert Task.objects.count() == 2


def test_many_objects_have_one_entry_in_the_log_and_are_counted_to_a_cap(client, root):
    Product.objects.bulk_create(Product(name=f"{n}") for n in range(1100))
    first = list(Product.objects.all()[:3])
    shown = ask(client, picky, first, select_across="1")
    assert "<dd><b>1,000+</b></dd>" in shown.content.decode()
    confirm(client, shown)
    assert Task.objects.count() == 1100
    entry = LogEntry.objects.get()
    assert entry.object_repr == "products: 1100 objects"
    ask_again = ask(client, greet, first, select_across="1")
    with statements() as made:
        confirm(client, ask_again)
    assert Task.objects.count() == 2200
    assert not any("LIMIT" not in sql and '"stock"' in sql for sql in made), "only keys are read"


def test_who_may_not_view_rows_is_led_back_to_the_list(client, member, shelf):
    client.force_login(member("shop.view_product", "shop.change_product", "add_task"))
    response = confirm(client, ask(client, greet, shelf[:2]))
    assert response.url == list_url(Product)
    assert "started on 2 objects" in page(client, response.url)


def test_a_form_of_its_own_is_asked(client, root):
    label = Label.objects.create(text="x")
    data = {"action": f"boogie:{noted.name}", "_selected_action": ["x"]}
    shown = client.post(list_url(Label), data)
    assert 'maxlength="5"' in shown.content.decode()
    long = client.post(list_url(Label), {**data, "post": "yes", "note": "123456", "_when": "now"})
    assert long.status_code == 200
    assert not Task.objects.exists()
    client.post(list_url(Label), {**data, "post": "yes", "note": "12345", "_when": "now"})
    assert Task.objects.get().kwargs == {"note": "12345"}
    assert Task.objects.get().object == label


@pytest.mark.django_db(databases=["default", "other"])
def test_objects_of_another_database_have_tasks_too(client, root, monkeypatch):
    monkeypatch.setattr(object_site.LabelAdmin, "database", "other")
    Label.objects.create(text="x")
    label = Label.objects.using("other").create(text="x")
    form = {"note": "n", "_when": "now"}
    assert client.post(start_url(label, noted), form).status_code == 302
    data = {"action": f"boogie:{noted.name}", "_selected_action": ["x"], "post": "yes", **form}
    assert client.post(list_url(Label), data).status_code == 302
    rows = list(Task.objects.all())
    assert [row.object_db for row in rows] == ["other", "other"]
    shown = section(page(client, change_url(label)))
    assert all(str(row.pk) in shown for row in rows)


def test_what_is_offered_must_be_tasks():
    class Wrong(object_site.TaskHistory):
        task_actions = [greet, "db.objects.greet"]

    (problem,) = Wrong(Product, object_site.site).check()
    assert problem.id == "boogie_tasks.E008"
    assert "'db.objects.greet', which is no Boogie task" in problem.msg
    assert object_site.BargainAdmin(Bargain, object_site.site).check() == []


def test_a_model_without_a_fitting_task_has_rows_and_nothing_to_start(client, root, pen):
    post = root.posts.create(title="x")
    text = page(client, change_url(post))
    assert "No tasks yet." in section(text)
    assert starts(text) == []
    assert "boogie:" not in page(client, list_url(type(post)))


def test_who_may_not_change_objects_does_not_learn_which_there_are(client, member, pen):
    client.force_login(member("view_task", "add_task", "shop.view_product"))
    for obj in (pen, Product(pk=10**6)):
        assert client.get(start_url(obj, greet)).status_code == 403
    client.force_login(member("shop.change_product", name="eve"))
    assert client.get(start_url(Product(pk=10**6), greet)).status_code == 404


def test_an_object_that_is_an_argument_is_named_and_given_by_who_may_view_it(client, member):
    order, somebody = Order.objects.create(), User.objects.create_user("somebody")
    rights = ["view_task", "add_task", "shop.view_order", "shop.change_order"]
    unfinished = {"to": str(somebody.pk), "_when": "now"}
    chosen = {**unfinished, "token": "s3cret"}
    client.force_login(member(*rights))
    for data in (unfinished, chosen):
        response = client.post(start_url(order, of_orders), data)
        assert "There is no user with the key" in response.content.decode()
        assert "somebody" not in response.content.decode()
    assert not Task.objects.exists()
    client.force_login(member(*rights, "blog.view_user", name="eve"))
    assert "somebody" in client.post(start_url(order, of_orders), unfinished).content.decode()
    assert client.post(start_url(order, of_orders), chosen).status_code == 302
    assert_made(of_orders, order, "s3cret", to=somebody)


def test_what_a_task_with_secrets_returned_is_masked(client, root):
    order = Order.objects.create()
    row = stored("finished", order, name=of_orders.name, args=["s3cret"], result="s3cret")
    text = section(page(client, change_url(order)))
    assert str(row.pk) in text
    assert "s3cret" not in text


def test_secrets_are_asked_for_and_never_sent_back(client, root):
    order = Order.objects.create()
    text = page(client, start_url(order, of_orders))
    assert 'type="password"' in text
    response = client.post(start_url(order, of_orders), {"token": "s3cret", "_when": "x"})
    assert response.status_code == 200
    assert "s3cret" not in response.content.decode()
