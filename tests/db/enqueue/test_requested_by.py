"""Rows say who asked for them, and which row made them."""

import asyncio

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.test import RequestFactory

from boogie.apps.tasks import Task
from boogie.apps.tasks.enqueue import origin
from boogie.apps.tasks.middleware import RequestedByMiddleware
from tests.project.shop.models import Product
from tests.support.runs import declared, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def product():
    return Product.objects.create(name="pen")


@pytest.fixture
def ada():
    return get_user_model().objects.create(username="ada")


def asked(row):
    return row.requested_by, row.requested_by_name


look = declared(lambda product: product.name)


def test_every_verb_of_using_makes_rows_of_that_user(product, ada):
    mine = look.using(requested_by=ada)
    assert mine.call(product) == "pen"
    rows = [mine.delayed(product), mine.paused(product), mine.schedule(5, product)]
    rows += [*mine.each([product]), *mine.each.paused([product])]
    rows += [*mine.each.schedule(5, Product.objects.all()), Task.objects.order_by("pk")[0]]
    assert [asked(row) for row in rows] == [(ada, "ada")] * 7
    assert set(Task.objects.requested_by(ada)) == set(rows)


def test_nobody_asked_for_other_rows(product, ada):
    row = look.delayed(product)
    assert asked(row) == (None, "")
    assert asked(look.using(requested_by=None).delayed(product)) == (None, "")
    assert asked(look.using(requested_by=AnonymousUser()).delayed(product)) == (None, "")
    assert not Task.objects.requested_by(ada).exists()


def test_the_name_outlives_the_user(product, ada):
    row = look.using(requested_by=ada).delayed(product)
    ada.delete()
    assert asked(Task.objects.get(pk=row.pk)) == (None, "ada")


def test_rows_that_a_row_makes_are_its_children_and_asked_for_by_the_same(product, ada):
    @declared
    def parent(product):
        look.delayed(product)
        look.each([product])

    row = work(parent.using(requested_by=ada).delayed(product))
    children = Task.objects.filter(parent_id=row.pk)
    assert [asked(child) for child in children] == [(ada, "ada")] * 2
    assert look.delayed(product).parent_id is None


def test_a_call_in_a_body_has_a_parent_too(product):
    @declared
    def parent(product):
        return look.call(product)

    parent.call(product)
    first, second = Task.objects.order_by("pk")
    assert second.parent_id == first.pk


# --- requests -------------------------------------------------------------------------


def request_of(user):
    request = RequestFactory().get("/")
    request.user = user
    return request


def test_what_is_made_in_a_request_is_asked_for_by_its_user(product, ada):
    made = []

    def view(request):
        made.append(look.delayed(product))
        return HttpResponse()

    RequestedByMiddleware(view)(request_of(ada))
    made.append(look.delayed(product))
    RequestedByMiddleware(view)(request_of(AnonymousUser()))
    RequestedByMiddleware(view)(RequestFactory().get("/"))
    assert [asked(row) for row in made] == [(ada, "ada"), *[(None, "")] * 3]


def test_a_user_who_logs_in_during_the_request_counts(product, ada):
    made = []

    def view(request):
        request.user = ada
        made.append(look.delayed(product))
        return HttpResponse()

    RequestedByMiddleware(view)(request_of(AnonymousUser()))
    assert made[0].requested_by == ada


def test_nothing_leaks_after_an_error(product, ada):
    def view(request):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        RequestedByMiddleware(view)(request_of(ada))
    assert origin.current() is None


def test_requests_beside_each_other_do_not_mix(ada):
    bob = get_user_model()(pk=99, username="bob")
    seen = []

    async def view(request):
        await asyncio.sleep(0)
        seen.append((request.user.username, origin.current().user.username))
        return HttpResponse()

    async def both():
        answer = RequestedByMiddleware(view)
        await asyncio.gather(answer(request_of(ada)), answer(request_of(bob)))

    asyncio.run(both())
    assert sorted(seen) == [("ada", "ada"), ("bob", "bob")]
    assert origin.current() is None


def test_the_user_is_not_read_for_a_request_that_makes_no_row(django_assert_num_queries):
    class Request:
        @property
        def user(self):
            raise AssertionError("asked for")

    assert RequestedByMiddleware(lambda request: "answer")(Request()) == "answer"
