"""Statements that are compiled once: they give what the ORM gives, or the ORM is asked."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connection, connections, models
from django.test import override_settings
from django.utils import timezone

from boogie.apps.tasks.db import compiled
from tests.project.blog.models import Post, User
from tests.project.shop.models import Bargain, Book, Coupon, Label, Order, Product, Seat
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db(databases=["default", "other"])

look = declared(lambda obj, n=0: n)


@pytest.fixture(autouse=True)
def cache(monkeypatch):
    """An empty cache of statements."""
    cache = compiled._Cache()
    monkeypatch.setattr(compiled, "_cache", cache)
    return cache


def kept(cache):
    """Return for which (database, key) statements are kept."""
    return {(using, key[1] if key[0] == "get" else key[0]) for using, _, key in cache.entries}


# --- get --------------------------------------------------------------------------------

OBJECTS = {
    "integer": lambda: Product.objects.create(name="pen"),
    "uuid": lambda: Order.objects.create(id=uuid.UUID(int=7), note="ünï"),
    "text": lambda: Label.objects.create(text="it's %s"),
    "multi-table inheritance": lambda: Book.objects.create(name="atlas", pages=3, stock=2),
    "proxy": lambda: Bargain.objects.create(name="cheap"),
    "dates and booleans": lambda: User.objects.create(username="ann", last_login=timezone.now()),
    "foreign key": lambda: Post.objects.create(
        author=User.objects.create(username="bob"), title="post", pinned=True
    ),
    "hidden": lambda: Coupon.objects.create(hidden=True),
    "composite key": lambda: Seat.objects.create(hall="a", number=-1),
    "other database": lambda: Product.objects.using("other").create(name="far"),
}


def values(obj):
    return {field.attname: getattr(obj, field.attname) for field in obj._meta.concrete_fields}


@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS.keys())
def test_an_object_is_read_as_the_orm_reads_it(make):
    obj = make()
    manager = type(obj)._base_manager
    expected = manager.using(obj._state.db).get(pk=obj.pk)
    for _ in range(2):  # by the statement that is made now, and by the one that was kept
        found = compiled.get(manager, obj._state.db, obj.pk)
        assert type(found) is type(expected)
        assert values(found) == values(expected)
        assert (found._state.db, found._state.adding) == (obj._state.db, False)
        assert found.get_deferred_fields() == set()


@pytest.mark.parametrize("model", [Product, Order, Label, Book, Seat], ids=lambda m: m.__name__)
def test_an_object_that_is_gone_does_not_exist(model):
    key = {Product: 404, Order: uuid.UUID(int=1), Label: "x", Book: 404, Seat: ("a", 1)}[model]
    for _ in range(2):
        with pytest.raises(model.DoesNotExist):
            compiled.get(model._base_manager, "default", key)


class Picky(models.Manager):
    def get_queryset(self):
        return super().get_queryset().filter(stock__gt=0)


class Fancy(models.QuerySet):
    pass


class Plain(models.Manager):
    pass


def with_queryset(queryset):
    """Return a plain manager that was given another class of querysets."""
    manager = models.Manager()
    manager._queryset_class = queryset
    return manager


def managed(manager):
    manager.model, manager.name = Product, "managed"
    return manager


@pytest.mark.parametrize(
    "manager",
    [
        Picky(),
        Plain(),
        Fancy.as_manager(),
        models.Manager.from_queryset(Fancy)(),
        with_queryset(Fancy),
    ],
)
def test_a_manager_that_is_not_plain_is_asked_itself(cache, manager):
    product = Product.objects.create(name="pen", stock=0)
    manager = managed(manager)
    assert not compiled.is_plain(manager)
    if isinstance(manager, Picky):
        with pytest.raises(Product.DoesNotExist):
            compiled.get(manager, "default", product.pk)
    else:
        assert compiled.get(manager, "default", product.pk) == product
    assert cache.entries == {}


def test_a_plain_manager_is_plain():
    assert compiled.is_plain(Product._base_manager)
    assert compiled.is_plain(managed(models.Manager()))


def test_models_with_composite_keys_are_left_to_the_orm(cache):
    seat = Seat.objects.create(hall="a", number=1)
    assert compiled.get(Seat._base_manager, "default", seat.pk) == seat
    assert cache.entries == {}


def test_databases_do_not_share_statements(cache):
    here = Product.objects.create(pk=7, name="here")
    there = Product.objects.using("other").create(pk=7, name="there")
    for _ in range(2):
        for obj in (here, there):
            found = compiled.get(Product._base_manager, obj._state.db, 7)
            assert found.name == obj.name
    assert kept(cache) == {("default", Product), ("other", Product)}


# --- the cache --------------------------------------------------------------------------


def test_a_statement_is_built_once_for_a_connection(cache):
    built = []

    def build(connection):
        built.append(connection)
        return object()

    first = compiled.cached("default", "key", build)
    assert compiled.cached("default", "key", build) is first
    assert built == [connection]


def test_each_thread_has_statements_of_its_own():
    def build(connection):
        return object()

    def elsewhere():
        try:
            return [compiled.cached("default", "key", build) for _ in range(2)]
        finally:
            connections.close_all()

    mine = compiled.cached("default", "key", build)
    with ThreadPoolExecutor(1) as pool:
        theirs = pool.submit(elsewhere).result()
    assert theirs[0] is theirs[1] is not mine
    assert compiled.cached("default", "key", build) is mine


def test_another_connection_under_the_same_name_builds_anew(monkeypatch):
    old = compiled.cached("default", "key", lambda connection: object())
    other = connections.create_connection("default")
    monkeypatch.setattr(connections, "_connections", _Connections(other))
    assert compiled.cached("default", "key", lambda connection: object()) is not old


class _Connections:
    def __init__(self, default):
        self.default = default


# --- time zones -------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
@pytest.mark.parametrize("use_tz", [True, False])
def test_rows_are_right_in_any_time_zone(use_tz, zone):
    with override_settings(USE_TZ=use_tz, TIME_ZONE=zone):
        now = timezone.now()
        row = look.delayed(Product.objects.create(name="pen"))
        assert abs((row.created - now).total_seconds()) < 60
        assert timezone.is_aware(row.created) is use_tz
        work(row)
        assert row.is_finished
        assert row.created <= row.started <= row.ended


def test_statements_kept_before_a_change_of_use_tz_are_not_used_after_it():
    product = Product.objects.create(name="pen")
    user = User.objects.create(username="ann", last_login=datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC))
    for use_tz in (True, False, True):
        with override_settings(USE_TZ=use_tz):
            row = look.delayed(product)
            assert timezone.is_aware(row.created) is timezone.is_aware(row.due) is use_tz
            assert timezone.is_aware(work(row).created) is use_tz
            found = compiled.get(User._base_manager, "default", user.pk)
            assert timezone.is_aware(found.last_login) is use_tz
            assert found.last_login.replace(tzinfo=None) == datetime(2024, 5, 6, 7, 8, 9)
