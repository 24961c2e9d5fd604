"""One object, one history: whichever of the classes that share its key a row was made through."""

import uuid
from datetime import UTC, datetime

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.urls import reverse

from boogie.apps.tasks import Task
from boogie.apps.tasks.admin.detail.beside import relatives
from boogie.apps.tasks.admin.history import section
from boogie.apps.tasks.live import states as live_states
from boogie.apps.tasks.live import tokens
from boogie.apps.tasks.live.tokens import Watched
from boogie.apps.tasks.monitoring.filters import Filters
from boogie.apps.tasks.testing import assert_made
from tests.project.press.models import (
    Article,
    Badge,
    Concert,
    Cover,
    Draft,
    Event,
    Feature,
    Film,
    Footnote,
    Gallery,
    Medium,
    Page,
    Parcel,
    Review,
    Shipment,
    Word,
)
from tests.project.shop.models import Bargain, Book, Product
from tests.support.rows import stored
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@declared(name="db.history.purge")
def purge(obj):
    return type(obj).__name__


MOMENT = datetime(2026, 11, 26, 14, 30, tzinfo=UTC)

#: Objects that are the same: a child, and every other class that it may be read as.
SAME = {
    "a child": lambda: (Article.objects.create(title="a"), [Page]),
    "a child's proxy": lambda: (Draft.objects.create(title="a"), [Article, Page]),
    "several levels": lambda: (Review.objects.create(title="a"), [Article, Draft, Page]),
    "another child of the parent": lambda: (Gallery.objects.create(title="a"), [Page]),
    "both parents are the same": lambda: (
        Feature.objects.create(title="a"),
        [Page, Article, Gallery],
    ),
    "the first of two parents": lambda: (Film.objects.create(title="a", format="b"), [Page]),
    "integer, and a proxy": lambda: (Book.objects.create(name="a"), [Product, Bargain]),
    "uuid": lambda: (Parcel.objects.create(id=uuid.UUID(int=5)), [Shipment]),
    "text": lambda: (Badge.objects.create(text="it's %s"), [Word]),
    "a time": lambda: (Concert.objects.create(at=MOMENT), [Event]),
}
same = pytest.mark.parametrize("make", SAME.values(), ids=SAME.keys())


def ways(make):
    """Return one object as each of its classes, the child first."""
    child, models = make()
    return [child, *(model.objects.get(pk=child.pk) for model in models)]


# --- the object is the same -------------------------------------------------------------


@same
def test_every_class_of_an_object_sees_all_its_rows(make):
    objects = ways(make)
    rows = [purge.delayed(obj) for obj in objects]
    for obj in objects:
        assert list(purge.tasks(obj).in_order()) == rows
        assert list(Task.objects.for_object(obj).in_order()) == rows
        assert assert_made(purge, obj, count=len(rows)) == rows


@same
def test_the_body_still_gets_the_class_that_was_given(make):
    objects = ways(make)
    names = [type(obj).__name__ for obj in objects]
    rows = [work(purge.delayed(obj)) for obj in objects]
    assert [row.errors for row in rows] == [[]] * len(rows)
    assert [type(row.object).__name__ for row in rows] == names
    for obj in objects:
        assert list(purge.results(obj)) == names
        assert purge.finished(obj).count() == len(rows)


@same
def test_rows_of_each_are_of_that_object_too(make):
    objects = ways(make)
    rows = list(purge.each(objects).order_by("pk"))
    rows += [purge.each(type(obj).objects.filter(pk=obj.pk)).get() for obj in objects]
    for obj in objects:
        assert list(purge.tasks(obj).order_by("pk")) == rows


@same
def test_the_last_of_an_object_is_kept_once(make):
    objects = ways(make)
    for obj in [*objects, *reversed(objects)]:
        last = work(purge.delayed(obj))
    other = work(purge.delayed(Product.objects.create(name="other")))
    assert purge.clean(keep_last=True) == 2 * len(objects) - 1
    assert set(purge.tasks()) == {last, other}


@same
def test_cleaning_by_any_class_cleans_all(make):
    objects = ways(make)
    for obj in objects:
        work(purge.delayed(obj))
    kept = Task.objects.finished().latest("created")
    assert purge.clean(objects[0], keep_last=True) == len(objects) - 1
    assert list(purge.tasks(objects[-1])) == [kept]
    assert purge.clean(objects[-1]) == 1


@same
def test_rows_of_the_same_key_in_another_database_are_of_another_object(make):
    first = make()[0]
    far = type(first)(**{f.attname: getattr(first, f.attname) for f in first._meta.concrete_fields})
    far.save(using="other", force_insert=True)
    near, away = purge.delayed(first), purge.delayed(far)
    assert list(purge.tasks(first)) == [near]
    assert list(purge.tasks(far)) == [away]


# --- the object is another --------------------------------------------------------------


def test_a_child_with_a_key_of_its_own_is_another_object():
    for number in range(3):
        Page.objects.create(title=f"page {number}")
    note = Footnote.objects.create(title="note")
    row, of_page = purge.delayed(note), purge.delayed(note.page_ptr)
    like_it = Page.objects.get(pk=Page.objects.order_by("pk").first().pk)
    assert list(purge.tasks(note)) == [row]
    assert list(purge.tasks(note.page_ptr)) == [of_page]
    assert list(purge.tasks(like_it)) == []
    for each in (row, of_page):
        work(each)
    assert purge.clean(keep_last=True) == 0


def test_the_second_of_two_parents_is_another_object():
    Medium.objects.create(format="tape")
    film = Film.objects.create(title="film", format="reel")
    row, of_medium = purge.delayed(film), purge.delayed(film.medium_ptr)
    assert list(purge.tasks(film)) == [row]
    assert list(purge.tasks(film.medium_ptr)) == [of_medium]


def test_what_has_the_key_of_a_page_without_being_one_is_another_object():
    page = Page.objects.create(title="page")
    cover = Cover.objects.create(page=page)
    rows = [purge.delayed(page), purge.delayed(cover)]
    assert [list(purge.tasks(obj)) for obj in (page, cover)] == [[row] for row in rows]


def test_two_pages_are_two_objects():
    first, second = Article.objects.create(title="a"), Article.objects.create(title="b")
    rows = [purge.delayed(first), purge.delayed(second.page_ptr)]
    assert [list(purge.tasks(obj)) for obj in (first, second)] == [[row] for row in rows]


# --- whoever asks by object -------------------------------------------------------------


@pytest.fixture
def article():
    return Article.objects.create(title="news")


@pytest.fixture
def rows(article):
    """A row about an article, and one about its page; a third about a page that is none."""
    purge.delayed(Page.objects.create(title="other"))
    return [purge.delayed(article), purge.delayed(article.page_ptr)]


def test_filters_find_an_object_by_any_of_its_names(article, rows):
    for label in ("press.article", "press.page", "article", "page"):
        for name, text in (("object", f"{label}:{article.pk}"), ("q", f"{label}:{article.pk}")):
            found = Filters.parse({name: text}).apply(Task.objects.all())
            assert list(found.in_order()) == rows, (name, text)


def test_the_filter_of_a_model_finds_its_children_too_and_not_its_parents(article, rows):
    def found(label):
        return set(Filters.parse({"model": label}).apply(Task.objects.all()))

    assert found("press.page") == set(Task.objects.all())
    assert found("press.article") == found("press.draft") == {rows[0]}
    assert found("press.gallery") == set()


def test_the_list_of_the_admin_finds_them(admin_client, article, rows):
    url = reverse("admin:boogie_tasks_task_changelist")
    for label in ("press.article", "press.page"):
        response = admin_client.get(url, {"object": f"{label}:{article.pk}"})
        assert {row.pk for row in response.context["cl"].result_list} == {row.pk for row in rows}


def test_the_command_line_finds_them(capsys, article, rows):
    for label in ("press.article", "press.page"):
        call_command("boogie_tasks", "list", f"--object={label}:{article.pk}", "--json")
        said = capsys.readouterr().out
        assert all(str(row.pk) in said for row in rows)
        assert said.count('"id"') == 2


def test_the_page_of_a_row_shows_the_others(article, rows):
    for row, other in (rows, reversed(rows)):
        assert relatives.of(row, Task.objects.all(), {}).same == [other]


def test_the_page_of_an_object_shows_all_rows(article, rows):
    for obj in (article, article.page_ptr):
        assert list(section.newest(obj)) == rows[::-1]


def test_widgets_of_every_class_watch_the_same_rows(article, rows):
    watched = [Watched.of(obj, 5) for obj in (article, article.page_ptr)]
    assert watched[0] == watched[1] == tokens.read(tokens.for_object(watched[0]))
    for one in watched:
        found = live_states.of_objects([one])
        assert list(found) == rows[::-1]
        told = {live_states.describe_row(row, in_full=True)["object"] for row in found}
        assert told == {one.reference} == {f"press.page:{article.pk}"}


def test_the_address_of_an_object_may_name_any_class(admin_client, article, rows):
    for label in ("press.article", "press.page"):
        answer = admin_client.get("/tasks/state", {"object": f"{label}:{article.pk}"})
        assert [row["id"] for row in answer.json()["rows"]] == [str(row.pk) for row in rows[::-1]]


def test_a_type_of_a_model_that_has_gone_is_no_obstacle(article, rows):
    gone = ContentType.objects.create(app_label="press", model="vanished")
    stored("finished", article, purge.name)
    Task.objects.filter(status="finished").update(content_type=gone)
    assert list(purge.tasks(article).in_order()) == rows
    assert purge.clean(keep_last=True) == 0
