"""Objects of every kind: found again by the worker, in history, and by their rows."""

import uuid
from types import SimpleNamespace

import pytest
from django.db import connections
from django.utils.functional import SimpleLazyObject

from boogie.apps.tasks import Task
from tests.project.blog.models import User
from tests.project.shop.models import Bargain, Book, Coupon, Label, Order, Product, Seat
from tests.support.runs import both_worlds, by_worker, declared, work
from tests.support.statements import statements

pytestmark = pytest.mark.django_db(databases=["default", "other"])


@declared
def look(obj):
    """Say what the body got."""
    return {
        "class": type(obj).__name__,
        "key": str(obj.pk),
        "db": obj._state.db,
        "saved": not obj._state.adding,
    }


KEYS = [
    "plain",
    "with space",
    " leading",
    "trailing ",
    "slash/and\\back",
    "ünï/cødé 🎉",
    "%s %d {0} ?",
    "it's; DROP TABLE",
    '"quoted"',
    "[1, 2]",
    "new\nline\ttab",
    "",
    "0",
    "ß" * 255,
]

MAKERS = {
    "integer": lambda: Product.objects.create(name="pen"),
    "uuid": lambda: Order.objects.create(id=uuid.UUID(int=5)),
    "multi-table inheritance": lambda: Book.objects.create(name="atlas", pages=3),
    "proxy": lambda: Bargain.objects.create(name="cheap"),
    "hidden by its default manager": lambda: Coupon.objects.create(hidden=True),
    "custom user": lambda: User.objects.create(username="ann"),
    "composite key": lambda: Seat.objects.create(hall="a,b/c", number=-7),
    "in another database": lambda: Product.objects.using("other").create(name="far"),
    "deferred fields": lambda: Product.objects.only("id").get(
        pk=Product.objects.create(name="x").pk
    ),
    **{f"text {k!r:.20}": lambda k=k: Label.objects.create(text=k) for k in KEYS},
}


@both_worlds
@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_an_object_of_any_kind_is_found_again(run, make):
    obj = make()
    row = run(look, obj)
    assert row.errors == []
    expected = {"class": type(obj).__name__, "key": str(obj.pk), "saved": True}
    assert row.get_result() == {**expected, "db": obj._state.db}
    assert row.object == obj
    assert type(row.object) is type(obj)
    assert list(look.tasks(obj)) == list(Task.objects.for_object(obj)) == [row]


def test_text_keys_that_a_collation_would_confuse_are_kept_apart():
    keys = ["key", "KEY", "Key", "key ", " key", "kéy", "ke\u0301y"]
    if connections["default"].vendor == "mysql":
        keys = ["key", " key"]  # the label's own column confuses the others
    labels = [Label.objects.create(text=key) for key in keys]
    rows = {label: look.delayed(label) for label in labels}
    for label in labels:
        assert list(look.tasks(label)) == [rows[label]]
        assert work(rows[label]).get_result()["key"] == label.text


def test_keys_of_rows_are_compared_character_by_character_on_every_database():
    label = Label.objects.create(text="key")
    row = look.delayed(label)
    for confusing in ("KEY", "key ", "Key"):
        Task.objects.filter(pk=row.pk).update(object_id=confusing)
        assert list(look.tasks(label)) == []


def test_names_of_tasks_are_compared_character_by_character_on_every_database():
    product = Product.objects.create(name="pen")
    lower = declared(lambda product: "lower", name="db.objects.case")
    upper = declared(lambda product: "upper", name="db.objects.CASE")
    lower.call(product)
    upper.call(product)
    assert list(lower.results()) == ["lower"]
    assert list(upper.results()) == ["upper"]


def test_a_proxy_and_its_model_share_their_rows_and_the_body_gets_the_class_that_was_given():
    product = Product.objects.create(name="pen")
    bargain = Bargain.objects.get(pk=product.pk)
    of_product, of_bargain = look.delayed(product), look.delayed(bargain)
    assert work(of_product).get_result()["class"] == "Product"
    assert work(of_bargain).get_result()["class"] == "Bargain"
    for either in (product, bargain):
        assert set(look.tasks(either)) == {of_product, of_bargain}
        assert [r["class"] for r in look.results(either)] == ["Product", "Bargain"]


def test_a_child_of_multi_table_inheritance_and_its_parent_are_one_object():
    book = Book.objects.create(name="atlas")
    rows = [look.delayed(book), look.delayed(Product.objects.get(pk=book.pk))]
    assert (
        list(look.tasks(book).in_order()) == list(look.tasks(book.product_ptr).in_order()) == rows
    )
    assert [work(row).get_result()["class"] for row in rows] == ["Book", "Product"]


def test_a_lazy_user_as_on_a_request_is_the_user_behind_it():
    user = User.objects.create(username="ann")
    request = SimpleNamespace(user=SimpleLazyObject(lambda: User.objects.get(pk=user.pk)))
    seen = []
    keep = declared(lambda user: seen.append(type(user)))
    keep.call(request.user)
    work(keep.delayed(request.user))
    assert seen == [User, User]
    assert keep.tasks(request.user).count() == 2


def test_a_lazy_object_in_a_lazy_object_is_what_is_in_both():
    user = User.objects.create(username="ann")
    inner = SimpleLazyObject(lambda: user)
    outer = SimpleLazyObject(lambda: inner)
    seen = []
    keep = declared(lambda user, other: seen.append((type(user), type(other))))
    work(keep.delayed(outer, outer))
    work(keep.each([outer], outer).get())
    assert seen == [(User, User)] * 2


def test_the_same_key_in_two_databases_is_two_objects():
    here = Product.objects.create(pk=77, name="here")
    there = Product.objects.using("other").create(pk=77, name="there")
    naming = declared(lambda product: product.name)
    work(naming.delayed(here))
    row = work(naming.delayed(there))
    assert row.object_db == "other"
    assert list(naming.results(here)) == ["here"]
    assert list(naming.results(there)) == ["there"]
    assert row.object.name == "there"


def test_the_row_of_an_object_in_another_database_is_in_ours():
    far = Product.objects.using("other").create(name="far")
    with statements("other") as made:
        row = look.delayed(far)
    assert made == []
    assert Task.objects.using("default").filter(pk=row.pk).exists()


def test_an_object_whose_database_is_configured_no_more_fails_and_can_be_read():
    row = look.delayed(Product.objects.create(name="pen"))
    Task.objects.filter(pk=row.pk).update(object_db="abandoned")
    work(row)
    assert row.is_failed
    assert "abandoned" in row.error


# --- deleted --------------------------------------------------------------------------


@declared(autoretry_for=(Exception,), max_retries=5)
def hooked(product):
    raise AssertionError("never called")


@pytest.fixture
def failures(monkeypatch):
    seen = []

    def on_failure(exc, task_id, args, kwargs, einfo):
        seen.append((type(exc).__name__, task_id, list(args), kwargs))

    monkeypatch.setattr(hooked, "on_failure", on_failure)
    return seen


def test_an_object_deleted_before_the_run_fails_it_with_object_gone_and_no_retry(failures):
    product = Product.objects.create(name="pen")
    row = hooked.delayed(product)
    product.delete()
    work(row)
    assert row.is_failed
    assert (row.attempt, row.retries) == (1, 0)
    assert [e["type"] for e in row.errors] == ["boogie.apps.tasks.exceptions.ObjectGone"]
    assert row.object_id in row.error
    assert row.object is None
    assert list(hooked.tasks()) == [row]
    assert failures == [("ObjectGone", str(row.pk), [None], {})]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_whatever_the_kind_a_deleted_object_is_gone(make):
    obj = make()
    row = look.delayed(obj)
    type(obj)._base_manager.using(obj._state.db).filter(pk=obj.pk).delete()
    work(row)
    assert row.errors[0]["type"].endswith(".ObjectGone")


def test_a_row_whose_object_is_gone_can_be_retried_when_it_is_back():
    product = Product.objects.create(pk=5, name="pen")
    row = look.delayed(product)
    product.delete()
    work(row)
    Product.objects.create(pk=5, name="pen again")
    assert row.retry()
    assert work(row).is_finished


def test_a_body_that_deletes_its_object_finishes():
    deleting = declared(lambda product: product.delete()[0])
    row = by_worker(deleting, Product.objects.create(name="pen"))
    assert row.get_result() == 1
    assert row.object is None


def test_call_on_an_object_that_somebody_deleted_meanwhile_passes_what_it_was_given():
    product = Product.objects.create(name="pen")
    Product.objects.all().delete()
    assert look.call(product)["key"] == str(product.pk)
