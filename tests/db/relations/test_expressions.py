"""``exists()`` and ``latest()`` of a task, in querysets of the model that it is about."""

import pytest
from django.db import NotSupportedError
from django.db.models import Case, Q, Value, When

from boogie.apps.tasks import Task
from tests.project.blog.models import Post, User
from tests.project.press.models import Page, Review
from tests.project.shop.models import Order, Product
from tests.support.runs import declared, work

from .subjects import pairs

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@declared(name="db.expressions.clean", aliases=["db.expressions.old_clean"])
def clean(obj):
    return "clean"


@declared(name="db.expressions.other")
def other(obj):
    return "other"


@pairs
def test_an_object_has_a_row_in_a_status(make):
    busy, idle = make()
    model = type(busy)
    clean.delayed(busy), other.delayed(idle), work(clean.delayed(idle))

    waits = clean.exists("queued", "paused")
    found = dict(model.objects.annotate(busy=waits).values_list("pk", "busy"))
    assert found == {busy.pk: True, idle.pk: False}
    assert model.objects.filter(waits).get().pk == busy.pk
    assert model.objects.filter(~waits).get().pk == idle.pk
    assert model.objects.exclude(waits).get().pk == idle.pk
    assert model.objects.filter(clean.exists("finished")).get().pk == idle.pk
    assert model.objects.filter(clean.exists()).count() == 2


@pairs
def test_the_latest_row_is_the_one_that_was_created_last(make):
    busy, idle = make()
    model = type(busy)
    first, second = work(clean.delayed(busy)), work(clean.delayed(busy))
    other.delayed(busy)

    annotated = model.objects.annotate(last=clean.latest("ended"), key=clean.latest("pk"))
    found = {obj.pk: (obj.last, obj.key) for obj in annotated}
    assert found == {busy.pk: (second.ended, second.pk), idle.pk: (None, None)}
    assert model.objects.alias(s=clean.latest("status")).get(s="finished").pk == busy.pk
    assert first.ended != second.ended


def test_created_last_is_not_what_ended_last():
    product = Product.objects.create(name="a")
    early, late = clean.paused(product), clean.delayed(product)
    work(late)
    early.run()
    work(early)

    (found,) = Product.objects.annotate(key=clean.latest("pk"))
    assert found.key == late.pk


def test_values_come_as_rows_have_them():
    product = Product.objects.create(name="a")
    work(clean.delayed(product))

    (found,) = Product.objects.annotate(
        result=clean.latest("result"), errors=clean.latest("errors")
    )
    assert (found.result, found.errors) == ("clean", [])


def test_they_are_combined_like_other_conditions():
    anna, bert = (User.objects.create_user(name) for name in ("anna", "bert"))
    clean.delayed(anna), other.delayed(bert)

    both = User.objects.filter(clean.exists("queued") | other.exists("queued"))
    assert both.count() == 2
    assert not User.objects.filter(clean.exists() & other.exists()).exists()
    assert User.objects.filter(Q(username="anna") & Q(clean.exists())).get() == anna
    word = Case(When(clean.exists(), then=Value("busy")), default=Value("idle"))
    assert list(User.objects.annotate(w=word).order_by("pk").values_list("w", flat=True)) == [
        "busy",
        "idle",
    ]
    assert User.objects.order_by(clean.exists().asc()).last() == anna
    assert User.objects.filter(clean.exists()).update(first_name="busy") == 1


def test_rows_of_every_class_and_name_of_it_count():
    review = Review.objects.create(title="a")
    row = clean.delayed(Page.objects.get(pk=review.pk))
    Task.objects.filter(pk=row.pk).update(name="db.expressions.old_clean")

    assert Page.objects.filter(clean.exists("queued")).get().pk == review.pk
    assert Review.objects.filter(clean.exists("queued")).get() == review
    assert Post.objects.filter(clean.exists()).count() == 0


def test_rows_about_objects_of_another_database_are_not_theirs():
    order = Order.objects.create()
    twin = Order.objects.using("other").create(pk=order.pk)
    clean.delayed(twin)

    assert not Order.objects.filter(clean.exists()).exists()
    assert not Order.objects.filter(tasks__status="queued").exists()


def test_unknown_statuses_and_fields_are_refused_at_once():
    with pytest.raises(ValueError, match=r"exists\(\) takes statuses.*running.*not 'busy'"):
        clean.exists("running", "busy")
    with pytest.raises(ValueError, match=r"latest\(\) takes a field.*ended.*not 'end'"):
        clean.latest("end")
    with pytest.raises(ValueError, match=r"latest\(\) takes a field"):
        clean.latest("results__total")


@pytest.mark.parametrize("routers", [[], ["tests.db.relations.test_expressions.NoRowsThere"]])
def test_a_database_that_keeps_no_rows_says_so(settings, routers):
    settings.DATABASE_ROUTERS = routers
    twin = Order.objects.using("other").create()
    clean.delayed(twin)

    with _refused():
        list(Order.objects.using("other").filter(clean.exists()))
    with _refused():
        list(Order.objects.using("other").filter(tasks__status="queued"))
    assert twin.tasks.count() == 1


def _refused():
    told = r"is read from 'other', and rows of tasks are in 'default'"
    return pytest.raises(NotSupportedError, match=told)


def test_a_replica_has_the_rows_too(settings):
    settings.DATABASE_ROUTERS = ["tests.db.relations.test_expressions.Replicated"]
    order = Order.objects.using("default").create()
    Order.objects.using("other").create(pk=order.pk)
    row = clean.delayed(order)
    Task.objects.using("other").bulk_create([row])

    assert Order.objects.using("other").filter(clean.exists("queued")).get() == order
    assert Order.objects.using("other").filter(tasks__status="queued").get() == order


class Replicated:
    """What is read from a replica is written to the default database."""

    def db_for_write(self, model, **hints):
        return "default"


class NoRowsThere:
    """Rows are in the default database alone."""

    def allow_migrate(self, db, app_label, **hints):
        return db == "default" or app_label != "boogie_tasks"
