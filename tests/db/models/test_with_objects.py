"""``with_objects()``: what many rows are about, in one query for each model and database."""

import pickle
import uuid

import pytest
from asgiref.sync import async_to_sync
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import connection

from boogie.apps.tasks import Task
from boogie.apps.tasks.exceptions import ObjectGone
from boogie.apps.tasks.models.objects import together
from tests.project.blog.models import User
from tests.project.press.models import Article, Page
from tests.project.shop.models import Bargain, Book, Coupon, Label, Order, Product, Seat
from tests.support.runs import declared
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(databases=["default", "other"])

look = declared(lambda obj: None, name="db.with_objects.look")

MAKERS = {
    "integer": lambda n: Product.objects.create(name=str(n)),
    "uuid": lambda n: Order.objects.create(id=uuid.UUID(int=n + 1)),
    "text": lambda n: Label.objects.create(text=f"it's %s {n}"),
    "composite": lambda n: Seat.objects.create(hall="a,b/c", number=n),
    "multi-table inheritance": lambda n: Book.objects.create(name=str(n)),
    "proxy": lambda n: Bargain.objects.create(name=str(n)),
    "hidden": lambda n: Coupon.objects.create(hidden=True),
    "other database": lambda n: Product.objects.using("other").create(name=str(n)),
}


def rows_about(objects):
    look.each(objects)
    return Task.objects.order_by("pk").with_objects()


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_objects_of_any_kind_are_read_in_one_query(make):
    objects = [make(number) for number in range(5)]
    database = objects[0]._state.db
    rows = rows_about(objects)
    with statements() as here, statements("other") as there:
        found = [row.object for row in rows]
    assert found == objects
    assert [type(obj) for obj in found] == [type(obj) for obj in objects]
    assert [obj._state.db for obj in found] == [database] * 5
    assert (len(here), len(there)) == ((1, 1) if database == "other" else (2, 0))


def test_composite_keys_are_read_in_as_many_queries_as_the_database_takes(monkeypatch):
    seats = Seat.objects.bulk_create(Seat(hall="a", number=number) for number in range(1500))
    few = property(lambda features: 999)
    monkeypatch.setattr(type(connection.features), "max_query_params", few)
    rows = rows_about(seats)
    with statements() as made:
        assert [row.object for row in rows] == seats
    assert len(made) == 1 + 4  # 499 keys of two columns in each


def test_one_query_for_each_model_and_database():
    article = Article.objects.create(title="news")
    objects = [
        *(Product.objects.create(name=str(number)) for number in range(3)),
        *(User.objects.create(username=f"user {number}") for number in range(3)),
        *(Product.objects.using("other").create(name=str(number)) for number in range(3)),
        article,
        article.page_ptr,
    ]
    rows = rows_about([*objects, *objects])
    with statements() as here, statements("other") as there:
        found = [row.object for row in rows]
    assert found == objects * 2
    assert (type(found[-2]), type(found[-1])) == (Article, Page)
    assert (len(here), len(there)) == (1 + 4, 1)


def test_what_has_gone_is_none_without_a_query(monkeypatch):
    objects = [Product.objects.create(name=str(number)) for number in range(3)]
    rows = rows_about(objects)
    Task.objects.filter(object_id=objects[2].pk).update(
        content_type=ContentType.objects.create(app_label="shop", model="vanished")
    )
    objects[1].delete()
    found = list(rows)
    with statements() as made:
        assert [row.object for row in found] == [objects[0], None, None]
    assert made == []


def test_an_object_that_is_false_is_there_all_the_same(monkeypatch):
    monkeypatch.setattr(Product, "__len__", lambda product: product.stock, raising=False)
    pen = Product.objects.create(name="pen")
    row = declared(lambda obj, other: None).delayed(pen, pen)
    (row,) = Task.objects.filter(pk=row.pk).with_objects()
    assert row.object == pen
    assert row.get_arguments() == ([pen], {})


def test_rows_about_nothing_are_none_too(monkeypatch):
    pen = Product.objects.create(name="pen")
    rows = rows_about([pen])
    Task.objects.create(
        name="some.function", backend="boogie", object_db="", status="paused", queue="q"
    )
    assert [row.object for row in rows] == [pen, None]


def test_a_key_from_before_the_model_had_others_is_an_error_of_its_row_alone():
    order = Order.objects.create()
    rows = rows_about([order, Order.objects.create()])
    Task.objects.exclude(object_id=str(order.pk)).update(object_id="5")
    first, second = rows
    assert first.object == order
    with pytest.raises(ValidationError):
        second.object  # noqa: B018 - reads it


def test_a_database_that_is_configured_no_more_is_one_too():
    pens = [Product.objects.create(name="pen") for _ in range(2)]
    rows = rows_about(pens)
    Task.objects.filter(object_id=str(pens[1].pk)).update(object_db="nowhere")
    first, second = rows
    assert first.object == pens[0]
    with pytest.raises(Exception, match="nowhere"):
        second.object  # noqa: B018 - reads it


# --- querysets --------------------------------------------------------------------------


@pytest.fixture
def pens():
    return [Product.objects.create(name=str(number)) for number in range(6)]


def _none(rows):
    return rows.order_by().filter(name="nobody")


CHAINS = {
    "filtered behind": lambda rows: rows.with_objects().filter(status="queued"),
    "filtered before": lambda rows: rows.filter(status="queued").with_objects(),
    "sliced behind": lambda rows: rows.with_objects()[1:4],
    "sliced before": lambda rows: rows[1:4].with_objects(),
    "reversed": lambda rows: rows.with_objects().reverse(),
    "deferred": lambda rows: rows.with_objects().defer("result", "log"),
    "by a task": lambda rows: look.tasks().with_objects(),
    "by a manager": lambda rows: Task.objects.with_objects(),
    "twice": lambda rows: rows.with_objects().with_objects(),
    "a union": lambda rows: _none(rows).with_objects().union(rows.order_by()),
    "by iterator()": lambda rows: rows.with_objects().iterator(),
}


@pytest.mark.parametrize("chain", CHAINS.values(), ids=CHAINS)
def test_it_goes_with_whatever_else_a_queryset_is_asked_for(pens, chain):
    rows_about(pens)
    with statements() as made:
        found = [(row.object_id, row.object) for row in chain(Task.objects.order_by("pk"))]
    assert found
    assert all(key == str(obj.pk) for key, obj in found)
    assert len([sql for sql in made if "shop_product" in sql]) == 1


def test_one_row_is_read_with_its_object_too(pens):
    rows = rows_about(pens)
    for row in (rows[2], rows.get(object_id=pens[2].pk), rows.first(), rows.last()):
        with statements() as made:
            assert str(row.object.pk) == row.object_id
        assert made == []


def test_an_iterator_reads_the_objects_of_each_chunk_together(pens):
    rows = rows_about(pens)
    with statements() as made:
        found = [row.object for row in rows.iterator(chunk_size=4)]
    assert found == pens
    assert len([sql for sql in made if "shop_product" in sql]) == 2


def test_it_can_be_awaited(pens):
    rows = rows_about(pens)

    async def read():
        return (
            [row.object async for row in rows.all()],
            [row.object async for row in rows.aiterator(chunk_size=4)],
            (await rows.afirst()).object,
        )

    assert async_to_sync(read)() == (pens, pens, pens[0])


def test_values_are_what_they_are(pens):
    rows_about(pens)
    keys = [str(pen.pk) for pen in pens]
    before = Task.objects.order_by("pk").with_objects()
    behind = Task.objects.order_by("pk").values_list("object_id", flat=True).with_objects()
    with statements() as made:
        assert list(before.values_list("object_id", flat=True)) == list(behind) == keys
        assert list(before.values("object_id")) == [{"object_id": key} for key in keys]
        assert before.count() == 6
        assert before.exists()
    assert not any("shop_product" in sql for sql in made)


def test_verbs_work_on_it(pens):
    rows = rows_about(pens)
    assert rows.pause() == 6
    assert rows.paused().clean(finished=False) == 6


def test_rows_without_what_they_are_about_are_left_alone(pens):
    rows = rows_about(pens).only("status")
    with statements() as made:
        found = list(rows)
    assert len(made) == 1
    assert found[0].object == pens[0]


def test_rows_are_pickled_with_their_objects(pens):
    rows = rows_about(pens)
    copies = pickle.loads(pickle.dumps(rows))
    with statements() as made:
        assert [row.object for row in copies] == pens
    assert made == []


def test_more_keys_than_a_statement_takes_are_read_in_several(pens, monkeypatch):
    from django.db import connection

    rows = list(rows_about(pens).all())
    monkeypatch.setattr(type(connection.ops), "bulk_batch_size", lambda *args: 4)
    monkeypatch.setattr(type(connection.features), "max_query_params", 4)
    together.attach(rows)
    assert [row.object for row in rows] == pens


# --- afterwards ---------------------------------------------------------------------------


def test_the_object_is_as_it_was_when_the_row_was_read(pens):
    (row,) = rows_about(pens[:1])
    Product.objects.update(name="new")
    assert row.object.name == "0"
    assert row.get_object().name == "new"
    row.refresh_from_db()
    assert row.object.name == "new"


def test_a_column_that_is_read_later_leaves_it(pens):
    (row,) = rows_about(pens[:1]).defer("result")
    assert row.result is None
    with statements() as made:
        assert row.object == pens[0]
    assert made == []


def test_a_verb_reads_the_row_anew_and_forgets_it(pens):
    (row,) = rows_about(pens[:1])
    pens[0].delete()
    assert row.object is not None
    assert row.pause()
    assert row.object is None


def test_a_row_that_is_about_another_has_that(pens):
    (row,) = rows_about(pens[:1])
    row.object = pens[1]
    assert row.object == pens[1]


def test_without_it_each_object_is_a_query_as_ever(pens):
    rows = list(rows_about(pens).all()) and list(Task.objects.all())
    with statements() as made:
        assert {row.object for row in rows} == set(pens)
    assert len(made) > 1


# --- instances among arguments --------------------------------------------------------------

carry = declared(lambda obj, *args, **kwargs: None, name="db.with_objects.carry")


def test_instances_among_arguments_are_read_by_the_same_queries(pens):
    user = User.objects.create(username="ann")
    far = Product.objects.using("other").create(name="far")
    for pen in pens[:3]:
        carry.delayed(pen, pens[4], to=user, also=[pens[5], {"far": far}])
    with statements() as here, statements("other") as there:
        rows = list(carry.tasks().order_by("pk").with_objects())
        found = [(row.object, *row.get_arguments()) for row in rows]
    kwargs = {"to": user, "also": [pens[5], {"far": far}]}
    assert found == [(pen, [pens[4]], kwargs) for pen in pens[:3]]
    assert (len(here), len(there)) == (3, 1)
    assert found[0][2]["also"][1]["far"]._state.db == "other"


def test_an_instance_that_is_gone_is_known_to_be_without_a_query(pens):
    carry.delayed(pens[0], pens[1])
    pens[1].delete()
    (row,) = carry.tasks().with_objects()
    with statements() as made, pytest.raises(ObjectGone, match="deleted"):
        row.get_arguments()
    assert made == []


def test_rows_read_anew_read_their_instances_anew(pens):
    carry.delayed(pens[0], pens[1])
    (row,) = carry.tasks().with_objects()
    Product.objects.update(name="new")
    assert row.get_arguments()[0][0].name == "1"
    row.refresh_from_db()
    assert row.get_arguments()[0][0].name == "new"


def test_arguments_that_are_not_read_are_no_obstacle(pens):
    carry.delayed(pens[0], pens[1])
    with statements() as made:
        (row,) = carry.tasks().defer("args", "kwargs").with_objects()
        assert row.object == pens[0]
    assert len(made) == 2
    assert row.get_arguments() == ([pens[1]], {})
