"""An object of another model than its task is about is refused, and the error says what fits."""

import pytest
from asgiref.sync import async_to_sync
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.migrations.state import ProjectState
from django.utils.functional import SimpleLazyObject

from boogie.apps.tasks import BoogieTask, Task
from boogie.apps.tasks.forms import for_task, start, start_each
from tests.project.blog.models import Post, User
from tests.project.press.models import Article, Draft, Feature, Film, Footnote, Medium, Page, Review
from tests.project.shop.models import Bargain, Book, Product
from tests.support.runs import declared, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db


@declared(name="db.models.publish")
def publish(article: Article, copies: int = 1):
    return f"{type(article).__name__} {article}"


@declared(name="db.models.typeset", model="press.Article")
def typeset(obj):
    pass


class Publish(BoogieTask):
    def run(self, article: "Article | None"):
        pass


def bound(self, article: Article):
    pass


TASKS = {
    "annotated": publish,
    "by option": typeset,
    "a class": Publish.as_task(name="db.models.class"),
    "bound": declared(bound, bind=True),
}
tasks = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)

VERBS = {
    "call": lambda task, obj: task.call(obj),
    "delayed": lambda task, obj: task.delayed(obj),
    "paused": lambda task, obj: task.paused(obj),
    "schedule": lambda task, obj: task.schedule(60, obj),
    "each": lambda task, obj: task.each([obj]),
    "each.paused": lambda task, obj: task.each.paused(o for o in (obj,)),
    "each.schedule": lambda task, obj: task.each.schedule(60, [obj]),
    "each of a queryset": lambda task, obj: task.each(type(obj).objects.all()),
    "each of values": lambda task, obj: task.each.paused(type(obj).objects.values("pk")),
    "using": lambda task, obj: task.using(requested_by=None).delayed(obj),
    "using.each": lambda task, obj: task.using(requested_by=None).each([obj]),
    "adelayed": lambda task, obj: async_to_sync(task.adelayed)(obj),
    "aeach": lambda task, obj: async_to_sync(task.aeach)(type(obj).objects.all()),
    "a form": lambda task, obj: start(_form(task), obj),
    "a form for many": lambda task, obj: start_each(_form(task), type(obj).objects.all()),
}
verbs = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)


def _form(task):
    form = for_task(task, data={"copies": "1", "_when": "now"})
    assert form.is_valid(), form.errors
    return form


@pytest.fixture
def page():
    return Page.objects.create(title="page")


# --- refused ----------------------------------------------------------------------------


@verbs
@tasks
def test_another_model_is_refused_by_every_verb_before_anything_is_read(task, verb, page):
    with statements() as made, pytest.raises(TypeError) as refused:
        verb(task, page)
    assert made == []
    assert Task.objects.count() == 0
    assert f"{task.name} is about objects of press.Article;" in str(refused.value)
    assert "press.Page" in str(refused.value)


def test_the_error_names_everything_that_fits():
    def body(obj: Article | Post | None):
        pass

    task = declared(body)
    with pytest.raises(TypeError, match=r"about objects of press\.Article or blog\.Post;"):
        task.delayed(Product.objects.create(name="pen"))


def test_one_wrong_object_among_many_undoes_all(page):
    articles = [Article.objects.create(title=str(number)) for number in range(3)]
    with pytest.raises(TypeError, match=r"press\.Page"):
        publish.each([*articles, page])
    assert Task.objects.count() == 0
    with pytest.raises(TypeError, match=r"press\.Page"):
        publish.each([*articles, page], chunk_size=2)
    assert Task.objects.count() == 2


def test_what_is_unsaved_or_no_object_at_all_is_refused_as_ever():
    with pytest.raises(ValueError, match="never saved"):
        publish.delayed(Article(title="new"))
    with pytest.raises(TypeError, match="must be a model instance, not 5"):
        publish.delayed(5)


# --- what is said -------------------------------------------------------------------------


def said(task, obj):
    with pytest.raises(TypeError) as refused:
        task.delayed(obj)
    return str(refused.value)


def of(model):
    def body(obj: model):
        pass

    return declared(body)


def test_a_parent_is_told_how_to_get_the_child(page):
    article = Article.objects.create(title="news")
    ways = "page.article, or Article.objects.get(pk=page.pk)"
    assert said(publish, article.page_ptr).endswith(f"{ways}.")
    for way in ways.split(", or "):
        found = eval(way, {"page": Page.objects.get(pk=article.pk), "Article": Article})
        assert found == article
        assert publish.delayed(found).object == article


def test_so_is_one_several_levels_above():
    review = Review.objects.create(title="news")
    text = said(of(Review), review.article_ptr.page_ptr)
    assert "page.article.review, or Review.objects.get(pk=page.pk)" in text


def test_what_a_proxy_is_asked_for_is_read_as_one():
    article = Article.objects.create(title="news")
    assert said(of(Draft), article).endswith("Draft.objects.get(pk=article.pk).")
    pen = Product.objects.create(name="pen")
    assert said(of(Bargain), pen).endswith("Bargain.objects.get(pk=product.pk).")
    assert said(of(Book), Bargain.objects.get(pk=pen.pk)).endswith(
        "bargain.book, or Book.objects.get(pk=bargain.pk)."
    )


def test_a_child_with_another_key_is_found_by_its_link():
    note = Footnote.objects.create(title="note")
    way = "Footnote.objects.get(page_ptr=page)"
    assert said(of(Footnote), note.page_ptr).endswith(f"page.footnote, or {way}.")
    film = Film.objects.create(title="film")
    assert said(of(Film), film.medium_ptr).endswith(
        "medium.film, or Film.objects.get(medium_ptr=medium)."
    )
    assert eval(way, {"page": note.page_ptr, "Footnote": Footnote}) == note


def test_whatever_is_no_parent_is_told_nothing_more():
    medium = Medium.objects.create()
    assert said(publish, medium).endswith(f"press.Medium with the key {medium.pk}.")


def test_the_queryset_of_a_parent_is_told_which_to_give():
    Page.objects.create(title="page")
    for task, way in (
        (publish, "Article.objects.filter(pk__in=…)"),
        (of(Footnote), "Footnote.objects.filter(page_ptr__in=…)"),
    ):
        with pytest.raises(TypeError) as refused:
            task.each(Page.objects.all())
        assert str(refused.value).endswith(
            f"the queryset is of press.Page. Give one of theirs: {way}."
        )


# --- what fits ------------------------------------------------------------------------------

FITTING = {
    "the model": lambda: Article.objects.create(title="a"),
    "a child": lambda: Review.objects.create(title="a"),
    "a proxy": lambda: Draft.objects.create(title="a"),
    "a child of two": lambda: Feature.objects.create(title="a"),
    "deferred": lambda: Article.objects.only("title").get(pk=Article.objects.create(title="a").pk),
}


@pytest.mark.parametrize("make", FITTING.values(), ids=FITTING)
@tasks
def test_the_model_its_children_and_their_proxies_fit(task, make):
    obj = make()
    rows = [task.delayed(obj), task.paused(obj), *task.each([obj])]
    rows += task.each(type(obj).objects.filter(pk=obj.pk))
    assert [row.object for row in rows] == [obj] * 4
    task.call(obj)


def test_a_lazy_object_is_what_it_wraps():
    user = User.objects.create(username="ann")
    greet = of(User)
    assert greet.delayed(SimpleLazyObject(lambda: user)).object == user
    assert "blog.User" in said(publish, SimpleLazyObject(lambda: user))


def test_the_object_of_a_migration_is_what_it_is_today(page):
    article = Article.objects.create(title="news")
    old = ProjectState.from_apps(apps).apps
    of_then = old.get_model("press", "Article").objects.get(pk=article.pk)
    assert not isinstance(of_then, Article)
    assert publish.delayed(of_then).object == article
    assert publish.each(old.get_model("press", "Article").objects.all()).count() == 1
    assert "page.article" in said(publish, old.get_model("press", "Page").objects.get(pk=page.pk))


def test_a_plain_call_takes_anything(page):
    assert publish(page) == "Page page"


def test_a_row_that_is_there_runs_whatever_its_task_says_today(page):
    task = declared(lambda obj: str(obj))
    row = task.delayed(page)
    type(task).model = Article
    with pytest.raises(TypeError):
        declared(lambda obj: None, model=Article).delayed(page)
    assert work(row).get_result() == "page"


def test_history_is_read_by_any_object(page):
    assert list(publish.tasks(page)) == list(publish.results(page)) == []
    assert publish.clean(page) == 0


def test_it_costs_no_statement():
    article = Article.objects.create(title="news")
    publish.delayed(article)
    with statements() as checked:
        publish.delayed(article)
    plain = declared(lambda obj: None)
    plain.delayed(article)
    with statements() as unchecked:
        plain.delayed(article)
    assert len(checked) == len(unchecked)


# --- from the command line ------------------------------------------------------------------


def test_boogie_run_refuses_it_too(page):
    with pytest.raises(CommandError, match=r"is about press\.article.*not about press\.page"):
        call_command("boogie_run", publish.name, f"press.page:{page.pk}")
    assert Task.objects.count() == 0
    article = Article.objects.create(title="news")
    call_command("boogie_run", publish.name, f"press.article:{article.pk}")
    assert publish.tasks(article).count() == 1
