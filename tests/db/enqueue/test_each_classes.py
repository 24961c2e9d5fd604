"""``each`` keeps the classes that a queryset yields."""

import pytest
from django.db import models, transaction
from django.db.models import signals

from boogie.apps.tasks import Task
from tests.project.press.models import Article, Feature, Gallery, Page, Review
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@declared
def look(obj):
    return type(obj).__name__


def press(article: Article):
    pass


@pytest.fixture
def pages():
    """Two pages, and one of each kind of child."""
    Page.objects.create(title="plain")
    for model in (Article, Review, Gallery, Feature):
        model.objects.create(title=model.__name__.lower())
    Page.objects.create(title="plain")
    return Page.objects.order_by("pk")


def instances(call):
    """Return how many pages were made in Python."""
    made = []

    def note(**signal):
        made.append(signal)

    signals.pre_init.connect(note, sender=Page)
    try:
        call()
    finally:
        signals.pre_init.disconnect(note, sender=Page)
    return len(made)


class ByIter(models.QuerySet):
    """Yields others by ``__iter__``."""

    def __iter__(self):
        return (Article.objects.filter(pk=page.pk).first() or page for page in super().__iter__())


class ByFetching(models.QuerySet):
    def _fetch_all(self):
        super()._fetch_all()
        found = Article.objects.in_bulk([page.pk for page in self._result_cache])
        self._result_cache = [found.get(page.pk, page) for page in self._result_cache]


class ByIterator(models.QuerySet):
    def iterator(self, chunk_size=None):
        return (Article.objects.filter(pk=page.pk).first() or page for page in super().iterator())


SOURCES = {
    "an iterable class": lambda pages: pages.specific(),
    "of a slice": lambda pages: pages.specific()[:6],
    "filtered behind": lambda pages: pages.specific().filter(pk__gt=0),
    "read before": lambda pages: _read(pages.specific()),
    "__iter__": lambda pages: ByIter(Page).order_by("pk"),
    "_fetch_all": lambda pages: ByFetching(Page).order_by("pk"),
    "iterator": lambda pages: ByIterator(Page).order_by("pk"),
}
EXPECTED = ["Page", "Article", "Article", "Page", "Article", "Page"]


def _read(objects):
    assert len(objects) == 6
    return objects


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("size", [None, 2])
def test_rows_are_about_what_the_queryset_yields(pages, make, size):
    options = {} if size is None else {"chunk_size": size}
    rows = look.each(make(pages), **options).order_by("pk")
    assert [row.object_id for row in rows] == [str(page.pk) for page in pages]
    assert [type(row.object).__name__ for row in rows] == EXPECTED
    assert [work(row).get_result() for row in rows] == EXPECTED


def test_a_queryset_of_model_utils_yields_children_where_it_is_asked_to(pages):
    rows = look.each(Page.downcast.select_subclasses().order_by("pk")).order_by("pk")
    kinds = [type(row.object) for row in rows]
    assert kinds[:3] == [Page, Article, Review]
    assert len(rows) == 6
    plain = look.each.paused(Page.downcast.all()).with_objects()
    assert {type(row.object) for row in plain} == {Page}


def test_each_paused_and_schedule_keep_them_too(pages):
    for rows in (look.each.paused(pages.specific()), look.each.schedule(60, pages.specific())):
        assert [type(row.object).__name__ for row in rows.order_by("pk")] == EXPECTED


def test_of_another_database_they_stay_there():
    Article.objects.using("other").create(title="far")
    (row,) = look.each(Page.objects.using("other").filter(title="far"))
    assert (type(row.object), row.object_db) == (Page, "other")


def test_of_a_plain_queryset_only_keys_are_read(pages):
    assert instances(lambda: look.each(pages)) <= 1  # what keys are put into
    assert instances(lambda: look.each(pages.specific())) >= 6


def test_values_of_such_a_queryset_are_its_keys(pages):
    rows = look.each(pages.specific().values("title")).order_by("pk")
    assert [type(row.object) for row in rows] == [Page] * 6


def test_each_that_is_yielded_is_checked(pages):
    task = declared(press)
    children = list(Article.objects.values_list("pk", flat=True))
    rows = task.each(pages.specific().filter(pk__in=children))
    assert {type(row.object) for row in rows} == {Article}
    with pytest.raises(TypeError, match=r"this is one of press\.Page"):
        task.each(pages.specific())
    assert Task.objects.count() == len(children)


def test_what_yields_no_objects_is_refused():
    class Numbers(models.query.ModelIterable):
        def __iter__(self):
            return iter([1, 2])

    numbers = Product.objects.all()
    numbers._iterable_class = Numbers
    with pytest.raises(TypeError, match="not 1 of type int"):
        look.each(numbers)


@pytest.mark.parametrize(
    "make", [Page.objects.specific, Page.objects.all], ids=["specific", "plain"]
)
def test_a_refusal_leaves_the_transaction_around_it_whole(pages, make, monkeypatch):
    task = declared(press)
    monkeypatch.setattr(task, "check_model", lambda model: None)
    monkeypatch.setattr("boogie.apps.tasks.serialization.references.MAX_KEY_LENGTH", 0)
    with transaction.atomic():
        with pytest.raises((TypeError, ValueError)) as refused:
            task.each(make())
        assert Page.objects.count() == 6
        del refused
    assert Page.objects.count() == 6
