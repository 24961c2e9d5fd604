"""``each``: rows about many objects, of every kind and from every source."""

import uuid
from datetime import timedelta

import pytest
from django.db.models import Count, F, Value
from django.utils import timezone

from boogie.apps.tasks import Task
from boogie.apps.tasks.db.clock import Moment
from tests.project.blog.models import Post, User
from tests.project.shop.models import Bargain, Book, Coupon, Label, Order, Product, Seat
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@declared(queue="own", priority=7)
def look(obj, word="hello", *, loud=False):
    return [type(obj).__name__, str(obj.pk), obj._state.db, word, loud]


def products(count, using="default"):
    made = [Product(name=f"product {n}", stock=n) for n in range(count)]
    Product.objects.using(using).bulk_create(made)
    return Product.objects.using(using).order_by("pk")


def about(rows):
    """Return the objects of rows, in the order of the rows' ids."""
    return [row.object for row in rows.order_by("pk")]


def keys(rows):
    return list(rows.order_by("pk").values_list("object_id", flat=True))


# --- the rows ---------------------------------------------------------------------------


def test_each_makes_a_queued_row_for_each_object_that_is_due_now():
    objects = products(3)
    rows = look.each(objects, "hi", loud=True)
    assert about(rows) == list(objects)
    assert set(rows) == set(Task.objects.all()) == set(look.tasks())
    for row in rows:
        assert row.is_queued
        assert (row.args, row.kwargs) == (["hi"], {"loud": True})
        assert (row.queue, row.priority, row.attempt) == ("own", 7, 0)
        assert (row.scheduled_for, row.not_before, row.started, row.ended) == (None,) * 4
        assert row.created <= row.due
    assert Task.objects.due().count() == 3
    assert [work(row).get_result()[3:] for row in rows] == [["hi", True]] * 3


def test_a_row_made_by_each_has_every_column_of_one_made_by_delayed():
    product = products(1).get()
    (bulk,) = look.each([product], "hi").values()
    single = Task.objects.values().get(pk=look.delayed(product, "hi").pk)
    differ = {name for name in single if bulk[name] != single[name]}
    assert differ <= {"id", "created", "due"}


def test_each_paused_makes_paused_rows_that_run_queues_at_once():
    rows = look.each.paused(products(3), "hi")
    assert [row.status for row in rows] == ["paused"] * 3
    assert set(rows.values_list("due", "scheduled_for")) == {(None, None)}
    assert rows.run() == 3
    assert [work(row).status for row in rows] == ["finished"] * 3


@pytest.mark.parametrize("time", [3600, timedelta(hours=1), "datetime"])
def test_each_schedule_makes_rows_that_wait_for_their_time(time):
    time = timezone.now() + timedelta(hours=1) if time == "datetime" else time
    rows = look.each.schedule(time, products(3), "hi")
    for row in rows:
        assert row.is_queued
        assert row.due == row.not_before == row.scheduled_for
        wait = row.scheduled_for - timezone.now()
        assert timedelta(minutes=58) < wait < timedelta(minutes=62)
        assert work(row).is_queued
    assert Task.objects.due().count() == 0


def test_a_time_in_the_past_means_now_and_nonsense_is_refused():
    assert look.each.schedule(-5, products(2)).due().count() == 2
    for nonsense in (True, "soon", None):
        with pytest.raises(TypeError, match="the time must be"):
            look.each.schedule(nonsense, products(1))


def test_the_queryset_that_is_returned_has_these_rows_and_no_others():
    objects = products(2)
    other = declared(lambda product: None)
    before = [look.delayed(objects[0]), *look.each(objects)]
    rows = look.each(objects)
    after = [look.delayed(objects[0]), *look.each(objects), *other.each(objects)]
    assert rows.count() == 2
    assert not set(rows) & {*before, *after}
    assert rows.cancel() == 2
    assert Task.objects.queued().count() == len(before) + len(after)


def test_rows_come_in_the_order_of_the_objects():
    backwards = products(5).reverse()
    assert keys(look.each(backwards)) == [str(product.pk) for product in backwards]


# --- sources ----------------------------------------------------------------------------

QUERYSETS = {
    "all": lambda: Product.objects.order_by("pk"),
    "filtered": lambda: Product.objects.filter(stock__gte=2).order_by("pk"),
    "sliced": lambda: Product.objects.order_by("-pk")[1:4],
    "distinct": lambda: Product.objects.distinct().order_by("pk"),
    "annotated": lambda: Product.objects.annotate(twice=F("stock") * 2).order_by("-twice"),
    "only": lambda: Product.objects.only("name").order_by("pk"),
    "deferred": lambda: Product.objects.defer("name").order_by("pk"),
    "in a subquery": lambda: Product.objects.filter(
        pk__in=Product.objects.filter(stock=3).values("pk")
    ),
    "union": lambda: Product.objects.filter(stock=1).union(Product.objects.filter(stock=4)),
    "read before": lambda: _read(Product.objects.order_by("pk")),
    "reversed": lambda: Product.objects.order_by("pk").reverse(),
    "in no order": lambda: Product.objects.order_by(),
}


def _read(queryset):
    assert len(queryset) == 5
    return queryset


@pytest.mark.parametrize("make", QUERYSETS.values(), ids=QUERYSETS.keys())
def test_each_takes_a_queryset_of_any_shape(make):
    products(5)
    expected = sorted(str(product.pk) for product in make())
    assert 0 < len(expected) <= 5
    assert sorted(keys(look.each(make()))) == expected


@pytest.mark.parametrize("shape", ["values", "values_list", "select_related", "prefetch", "count"])
def test_each_takes_a_queryset_that_reads_more_or_less_than_the_objects(shape):
    user = User.objects.create(username="ann")
    posts = [Post.objects.create(author=user, title=f"post {n}") for n in range(3)]
    queryset = {
        "values": Post.objects.annotate(one=Value(1)).values("title", "one"),
        "values_list": Post.objects.values_list("title", flat=True),
        "select_related": Post.objects.select_related("author"),
        "prefetch": Post.objects.prefetch_related("author__posts"),
        "count": Post.objects.annotate(n=Count("author__posts")).filter(n=3),
    }[shape]
    assert sorted(keys(look.each(queryset))) == sorted(str(post.pk) for post in posts)


def test_an_object_that_a_join_returns_twice_gets_two_rows_as_it_would_be_given_twice():
    user = User.objects.create(username="ann")
    for n in range(2):
        Post.objects.create(author=user, title=f"post {n}")
    assert look.each(User.objects.filter(posts__title__startswith="post")).count() == 2
    assert look.each(User.objects.filter(posts__title__startswith="post").distinct()).count() == 1


@pytest.mark.parametrize(
    "empty", [Product.objects.none, Product.objects.all, list, lambda: iter(())]
)
def test_each_of_nothing_makes_nothing(empty):
    rows = look.each(empty())
    assert rows.count() == Task.objects.count() == 0
    assert rows.cancel() == 0


@pytest.mark.parametrize("source", [list, tuple, set, iter, lambda found: (o for o in found)])
def test_each_takes_any_iterable_of_instances(source):
    objects = list(products(3))
    assert set(about(look.each(source(objects)))) == set(objects)


def test_each_takes_instances_of_several_models_and_databases_at_once():
    mixture = [
        Product.objects.create(name="pen"),
        User.objects.create(username="ann"),
        Order.objects.create(),
        Product.objects.using("other").create(name="far"),
        Label.objects.create(text="text"),
    ]
    rows = look.each(o for o in mixture)
    assert about(rows) == mixture
    assert [row.object._state.db for row in rows.order_by("pk")].index("other") == 3


# --- objects of every kind --------------------------------------------------------------


def _seats():
    Seat.objects.create(hall="a,b/c", number=-7)
    Seat.objects.create(hall="a", number=2)
    return Seat.objects.order_by("number")


def _made(model, *each):
    for fields in each:
        model._base_manager.create(**fields)
    return model._base_manager.order_by("pk")


KINDS = {
    "integer": lambda: products(2),
    "uuid": lambda: _made(Order, {"id": uuid.UUID(int=5)}, {}),
    "text": lambda: _made(Label, {"text": "it's %s"}, {"text": "ünï 🎉"}, {"text": ""}),
    "composite": _seats,
    "multi-table inheritance": lambda: _made(Book, {"name": "atlas"}, {"name": "bible"}),
    "proxy": lambda: _made(Bargain, {"name": "cheap"}),
    "hidden": lambda: _made(Coupon, {"hidden": True}, {}),
    "other database": lambda: products(2, "other"),
}


@pytest.mark.parametrize("as_list", [False, True], ids=["queryset", "list"])
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS.keys())
def test_objects_of_any_kind_are_found_again(make, as_list):
    objects = make()
    rows = look.each(list(objects) if as_list else objects)
    for obj, row in zip(objects, rows.order_by("pk"), strict=True):
        assert work(row).get_result()[:3] == [type(obj).__name__, str(obj.pk), obj._state.db]
        assert list(look.tasks(obj)) == [row]
        assert row.object == obj


def test_created_is_database_time():
    before = Moment(-1)
    look.each(products(1))
    assert Task.objects.filter(created__gt=before, created__lte=Moment()).count() == 1
