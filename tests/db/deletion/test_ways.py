"""Every way in which Django deletes objects, and which of their rows go along."""

import pytest
from django.contrib.admin.utils import NestedObjects
from django.contrib.contenttypes.models import ContentType
from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.models import Count, OuterRef, Subquery
from django.db.models.deletion import Collector, ProtectedError
from django.db.models.signals import post_delete, pre_delete
from django.urls import reverse

from boogie.apps.tasks import Task
from tests.project.blog.models import Post, User
from tests.project.press.models import Cover, Feature, Film, Footnote, Medium, Page
from tests.project.shop.models import Coupon, Label, Order, Product, Seat
from tests.support.runs import declared

pytestmark = pytest.mark.django_db


@declared(name="db.deletion.ways.anything")
def anything(obj):
    """Says nothing of its models."""


@pytest.fixture(params=["cancel", "cascade"])
def follow(request, monkeypatch):
    """Have rows follow their objects, as one policy and the other have it."""
    monkeypatch.setattr(anything, "on_delete", request.param)
    return anything


def waits(*rows):
    """Return of which of ``rows`` the deletion has left what it was."""
    left = Task.objects.filter(pk__in=[row.pk for row in rows]).queued()
    return [row for row in rows if row in set(left)]


# --- querysets ----------------------------------------------------------------------------


def test_objects_are_chosen_by_the_rows_that_go_along(follow):
    busy, idle = Order.objects.create(), Order.objects.create()
    row = follow.delayed(busy)

    assert Order.objects.filter(follow.exists("queued")).delete()[0] == 1

    assert Order.objects.get() == idle
    assert waits(row) == []


def test_objects_are_chosen_by_their_relation(follow):
    busy, idle = Order.objects.create(), Order.objects.create()
    row, other = follow.delayed(busy), follow.delayed(idle)
    other.cancel()

    assert Order.objects.exclude(tasks__status="cancelled").delete()[0] == 1

    assert Order.objects.get() == idle
    assert waits(row) == []


def test_grouped_annotated_and_narrowed_querysets(follow):
    anna, bert = (User.objects.create_user(name) for name in ("anna", "bert"))
    posts = [Post.objects.create(author=anna, title=title) for title in "abc"]
    rows = [follow.delayed(obj) for obj in (*posts, anna, bert)]
    names = User.objects.filter(pk=OuterRef("author")).values("username")

    Post.objects.alias(name=Subquery(names)).filter(name="anna", title="a").defer("views").delete()
    assert waits(*rows) == rows[1:]
    Post.objects.select_related("author").filter(author__username="anna", title="b").delete()
    assert waits(*rows) == rows[2:]
    User.objects.annotate(n=Count("posts")).filter(n=0).delete()
    assert waits(*rows) == rows[2:4]
    anna.posts.all().delete()
    assert waits(*rows) == [rows[3]]


def test_composite_and_text_keys(follow):
    seats = [Seat.objects.create(hall='"a"', number=number) for number in range(3)]
    labels = [Label.objects.create(text=text) for text in ("a", "b", "a'")]
    rows = [follow.delayed(obj) for obj in (*seats, *labels)]

    Seat.objects.filter(number__lt=2).delete()
    Label.objects.filter(text__in=["a", "a'"]).delete()

    assert waits(*rows) == [rows[2], rows[4]]


def test_what_its_manager_hides_is_deleted_by_that_which_sees_it(follow):
    hidden = Coupon._base_manager.create(hidden=True)
    row = follow.delayed(hidden)

    assert Coupon.objects.all().delete()[0] == 0
    assert waits(row) == [row]
    Coupon._base_manager.all().delete()

    assert waits(row) == []


def test_thousands_go_in_portions(follow):
    Product.objects.bulk_create(Product(name="a") for _ in range(2500))
    other = follow.delayed(Order.objects.create())
    follow.each(Product.objects.all())

    Product.objects.all().delete()

    assert list(Task.objects.queued()) == [other]


# --- relatives ----------------------------------------------------------------------------


def test_those_of_those(follow):
    """A user, the posts of that, and what is about both."""
    anna, bert = (User.objects.create_user(name) for name in ("anna", "bert"))
    rows = [
        follow.delayed(obj)
        for user in (anna, bert)
        for obj in (user, Post.objects.create(author=user, title="a"))
    ]

    User.objects.filter(username="anna").delete()

    assert waits(*rows) == rows[2:]


def test_two_roots_of_one_child(follow):
    film = Film.objects.create(title="a", format="x")
    rows = [follow.delayed(obj) for obj in (film, Page.objects.get(), Medium.objects.get())]

    Medium.objects.all().delete()

    assert waits(*rows) == []


def test_two_parents_that_are_one(follow):
    feature = Feature.objects.create(title="a")
    rows = [follow.delayed(feature), follow.delayed(Page.objects.get())]

    feature.delete()

    assert waits(*rows) == []


def test_a_child_with_a_key_of_its_own(follow):
    Page.objects.create(title="another")
    note = Footnote.objects.create(title="a")
    other = follow.delayed(Page.objects.get(title="another"))
    rows = [follow.delayed(note), follow.delayed(Page.objects.get(title="a"))]

    note.delete()

    assert waits(*rows, other) == [other]


def test_what_refers_by_its_key(follow):
    page = Page.objects.create(title="a")
    row = follow.delayed(Cover.objects.create(page=page))

    page.delete()

    assert waits(row) == []


# --- collectors, signals, the admin -----------------------------------------------------------


class Cautious(Collector):
    """One of a project."""

    def delete(self):
        return super().delete()


def test_collectors_of_others(follow):
    product = Product.objects.create(name="a")
    row = follow.delayed(product)

    collector = Cautious(using=DEFAULT_DB_ALIAS, origin=product)
    collector.collect([product])
    assert waits(row) == [row]
    collector.delete()

    assert waits(row) == []


def test_who_only_collects_changes_nothing(follow):
    product = Product.objects.create(name="a")
    row = follow.delayed(product)

    NestedObjects(using=DEFAULT_DB_ALIAS, origin=[product]).collect([product])

    assert waits(row) == [row]


def test_receivers_of_djangos_signals_see_the_rows(follow):
    seen = []
    order = Order.objects.create()
    row = follow.delayed(order)

    def look(sender, instance, **extra):
        seen.append(len(waits(row)))

    for signal in (pre_delete, post_delete):
        signal.connect(look, sender=Order)
    try:
        Order.objects.all().delete()
    finally:
        for signal in (pre_delete, post_delete):
            signal.disconnect(look, sender=Order)
    assert seen == [1, 1]
    assert waits(row) == []


def test_a_receiver_that_raises_undoes_it_all(follow):
    order = Order.objects.create()
    row = follow.delayed(order)

    def refuse(sender, instance, **extra):
        raise ProtectedError("no", {instance})

    post_delete.connect(refuse, sender=Order)
    try:
        with pytest.raises(ProtectedError), transaction.atomic():
            order.delete()
    finally:
        post_delete.disconnect(refuse, sender=Order)
    assert Order.objects.exists()
    assert waits(row) == [row]


def test_a_savepoint_that_is_rolled_back_undoes_it_alone(follow):
    first, second = Order.objects.create(), Order.objects.create()
    rows = [follow.delayed(first), follow.delayed(second)]

    with transaction.atomic():
        Order.objects.filter(pk=first.pk).delete()
        with transaction.atomic():
            Order.objects.filter(pk=second.pk).delete()
            transaction.set_rollback(True)

    assert waits(*rows) == [rows[1]]


def test_the_admin_asks_about_objects_and_not_about_rows(follow, admin_client):
    author = User.objects.create_user("anna")
    posts = [Post.objects.create(author=author, title=title) for title in "abc"]
    rows = [follow.delayed(post) for post in posts]
    one = reverse("admin:blog_post_delete", args=[posts[0].pk])
    text = admin_client.get(one).content.decode()
    assert "db.deletion.ways" not in text
    assert waits(*rows) == rows

    admin_client.post(one, {"post": "yes"})
    assert waits(*rows) == rows[1:]
    action = {"action": "delete_selected", "_selected_action": [posts[1].pk], "post": "yes"}
    admin_client.post(reverse("admin:blog_post_changelist"), action)

    assert waits(*rows) == rows[2:]


# --- rows themselves --------------------------------------------------------------------------


def test_rows_and_types_are_deleted_as_before(follow):
    follow.delayed(Product.objects.create(name="a"))
    kind = ContentType.objects.create(app_label="gone", model="gone")
    Task.objects.update(content_type=kind)

    kind.delete()

    assert not Task.objects.exists()


def test_an_unknown_model_is_no_reason_to_ask(follow):
    assert connection.in_atomic_block
    kind = ContentType.objects.create(app_label="gone", model="gone")
    assert kind.delete()[0] == 1
