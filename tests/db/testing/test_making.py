"""``assert_made()``: which rows a test has made, and what is said of the others."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.exceptions import SynchronousOnlyOperation

from boogie.apps.tasks import BoogieTask
from boogie.apps.tasks.testing import ANY, assert_made, assert_not_made, made, run_tasks
from tests.project.press.models import Article
from tests.project.shop.models import Bargain, Order, Product
from tests.support.runs import declared

pytestmark = pytest.mark.django_db


@pytest.fixture
def product():
    return Product.objects.create(name="thing")


@declared(name="tests.making.invoice", sensitive=["token"])
def invoice(product, format="html", *pages, copies=1, token="", **extra):
    return format


@pytest.fixture
def other():
    return Product.objects.create(name="other")


# --- what fits ------------------------------------------------------------------------


def test_the_row_is_returned(product):
    row = invoice.delayed(product)
    assert assert_made(invoice) == row
    assert assert_made(invoice, product) == row
    assert assert_made(invoice, ANY, copies=ANY) == row
    assert assert_made(task=invoice, obj=product) == row


def test_arguments_are_equal_however_they_are_given(product):
    row = invoice.delayed(product, "pdf", copies=2)
    assert assert_made(invoice, product, "pdf") == row
    assert assert_made(invoice, product, format="pdf") == row
    assert assert_made(invoice, product, copies=2) == row
    assert_not_made(invoice, product, format="html")
    assert_not_made(invoice, product, copies=1)


def test_defaults_count_as_given(product):
    row = invoice.delayed(product)
    assert assert_made(invoice, format="html", copies=1) == row
    assert_not_made(invoice, format="pdf")


def test_variable_arguments_are_compared_by_their_place_and_name(product):
    row = invoice.delayed(product, "pdf", 1, 2, colour="red")
    assert assert_made(invoice, product, "pdf", 1) == row
    assert assert_made(invoice, product, ANY, 1, 2, colour="red") == row
    assert_not_made(invoice, product, "pdf", 2)
    assert_not_made(invoice, product, ANY, 1, 2, 3)
    assert_not_made(invoice, colour="blue")
    assert_not_made(invoice, size="big")


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ((1, 2), (1, 2)),
        ((1, 2), [1, 2]),
        ({"a": [1, (2,)]}, {"a": [1, (2,)]}),
        (Decimal("1.50"), Decimal("1.5")),
        (date(2026, 1, 1), date(2026, 1, 1)),
        (timedelta(1), timedelta(1)),
        ({"a": 1, "b": 2}, {"a": 1, "b": ANY}),
        (None, None),
    ],
)
def test_values_are_equal_to_what_arrives_of_them(product, given, wanted):
    row = invoice.delayed(product, given)
    assert assert_made(invoice, product, wanted) == row
    assert_not_made(invoice, product, "something else")
    assert_not_made(invoice, product, object())


def test_only_rows_about_the_object_fit(product, other):
    row = invoice.delayed(product)
    assert assert_made(invoice, product) == row
    assert assert_made(invoice, Bargain.objects.get(pk=product.pk)) == row
    assert_not_made(invoice, other)


def test_rows_in_a_status(product):
    row = invoice.delayed(product)
    paused = invoice.paused(product)
    assert assert_made(invoice, status="queued") == row
    assert assert_made(invoice, status="paused") == paused
    run_tasks()
    assert assert_made(invoice, status="finished") == row
    assert_not_made(invoice, status="queued")
    with pytest.raises(ValueError, match="no status 'done', only paused, queued"):
        assert_made(invoice, status="done")


def test_several_rows_are_a_list_in_the_order_in_which_they_were_made(product, other):
    rows = [invoice.delayed(each) for each in (product, other)]
    assert assert_made(invoice, count=2) == rows
    assert assert_made(invoice, product, count=1) == rows[0]
    assert assert_made(invoice, product, format="pdf", count=0) == []


def test_methods_and_classes_have_the_names_of_their_parameters_without_self(product):
    class Export(BoogieTask):
        def run(self, product, since=None):
            return since

    export = Export.as_task(name="tests.making.export")
    row = export.delayed(product, since=3)
    assert assert_made(export, product, 3) == row
    bound = declared(lambda self, product, since=None: since, bind=True)
    row = bound.delayed(product, 4)
    assert assert_made(bound, product, since=4) == row


def test_a_keyword_that_is_also_of_assert_made_is_looked_for_by_its_place(product):
    counting = declared(lambda product, count: count)
    row = counting.delayed(product, count=7)
    assert assert_made(counting, product, 7) == row


# --- what does not fit ------------------------------------------------------------------


def test_the_message_lists_what_was_made_instead(product, other):
    invoice.delayed(other, "pdf", copies=3)
    declared(lambda product: 1 / 0, name="tests.making.fails").delayed(product)
    run_tasks()
    with pytest.raises(AssertionError) as failure:
        assert_made(invoice, product, format="html")
    assert str(failure.value).splitlines() == [
        "tests.making.invoice(<Product: thing>, format='html') was to be made once; it was not.",
        "2 row(s) have been made since the test began:",
        "  tests.making.invoice(<Product: other>, 'pdf', copies=3), finished",
        "  tests.making.fails(<Product: thing>), failed (ZeroDivisionError: division by zero)",
    ]


def test_the_message_says_if_there_were_none(product):
    with pytest.raises(AssertionError, match=r"(?s)it was not\. No row has been made since the te"):
        assert_made(invoice)


def test_instances_among_arguments_are_shown_as_rows_have_them(product, other):
    taking = declared(lambda product, to, rest=(): 1, name="tests.making.taking")
    taking.delayed(product, other, rest=[other])
    new = Product(name="new")
    with pytest.raises(AssertionError) as failure:
        assert_made(taking, product, product, rest=[other, new])
    wanted, _, found = str(failure.value).splitlines()
    one, two = (f"shop.product:{each.pk}" for each in (product, other))
    assert wanted.startswith(
        f"tests.making.taking(<Product: thing>, {one}, rest=[{two}, <Product: new>]) was"
    )
    assert found == f"  tests.making.taking(<Product: thing>, {two}, rest=[{two}]), queued"


def test_a_sensitive_instance_is_not_in_the_message(product, other):
    invoice.delayed(product)
    with pytest.raises(AssertionError, match=r"token=••••") as failure:
        assert_made(invoice, product, token=other)
    assert f"shop.product:{other.pk}" not in str(failure.value)


def test_too_many_are_marked(product):
    for _ in range(2):
        invoice.delayed(product)
    with pytest.raises(AssertionError, match=r"once; it was 2 times\.(?s:.*)\n\* tests.making.inv"):
        assert_made(invoice)
    with pytest.raises(AssertionError, match=r"invoice\(any object\) was to be made no times"):
        assert_not_made(invoice)
    with pytest.raises(AssertionError, match=r", queued was to be made 3 times; it was 2 times"):
        assert_made(invoice, status="queued", count=3)


def test_what_is_sensitive_is_not_in_the_message(product):
    invoice.delayed(product, token="very-secret")
    with pytest.raises(AssertionError) as failure:
        assert_made(invoice, product, token="also-secret")
    assert "secret" not in str(failure.value)
    assert str(failure.value).count("token='••••'") == 2


def test_a_long_list_and_long_values_are_cut(product):
    invoice.each([product] * 30, "x" * 5000)
    with pytest.raises(AssertionError) as failure:
        assert_made(invoice)
    assert len(str(failure.value)) < 8000
    assert str(failure.value).endswith("… and 10 more")


def test_an_object_that_is_gone_is_named_by_its_key(product):
    invoice.delayed(product)
    key = product.pk
    product.delete()
    with pytest.raises(AssertionError, match=f"invoice\\(shop.product:{key}\\), queued"):
        assert_not_made(invoice)


def test_a_call_that_the_function_does_not_take_is_a_mistake_of_the_test(product):
    strict = declared(lambda product, number=1: number)
    with pytest.raises(TypeError, match=r"assert_made\(\): a call of .* argument 'numbr'\. Name"):
        assert_made(strict, product, numbr=1)
    with pytest.raises(TypeError, match="queue, priority and the like are fields of the row"):
        assert_made(strict, product, queue="fast")
    with pytest.raises(TypeError, match="first argument must be a model instance, not 5"):
        assert_made(strict, 5)
    for wrong in ("strict", len, Product, None):
        with pytest.raises(TypeError, match=r"assert_made\(\) takes a task"):
            assert_made(wrong)
    with pytest.raises(TypeError, match=r"made\(\) takes a task"):
        made("strict")


# --- made -----------------------------------------------------------------------------


def test_made_is_a_queryset_of_the_rows_in_order(product, other):
    rows = [invoice.delayed(product), invoice.paused(other)]
    different = declared(lambda order: 1).delayed(Order.objects.create())
    assert list(made()) == [*rows, different]
    assert list(made(invoice)) == rows
    assert made(invoice).paused().get() == rows[1]


@pytest.fixture(scope="module")
def shared_row(django_db_setup, django_db_blocker):
    with django_db_blocker.unblock():
        product = Product.objects.create(name="shared")
        row = invoice.delayed(product)
    yield row
    with django_db_blocker.unblock():
        row.delete()
        product.delete()


@pytest.fixture
def own_row(product):
    return invoice.delayed(product)


@pytest.mark.parametrize("turn", [1, 2])
def test_what_tests_share_was_made_before_and_what_a_test_has_of_its_own_after_it_began(
    turn, own_row, shared_row
):
    assert list(made()) == [own_row]


# --- async ----------------------------------------------------------------------------


@pytest.mark.parametrize("asserting", [assert_made, assert_not_made])
def test_in_an_event_loop_an_assertion_names_the_way_out_and_that_works(product, asserting):
    async def plainly():
        asserting(invoice, product)

    name = asserting.__name__
    way = rf"{name}\(\) would hold up .* Use: await sync_to_async\({name}\)\(\)"
    with pytest.raises(SynchronousOnlyOperation, match=way):
        async_to_sync(plainly)()
    rows = [invoice.delayed(product)] if asserting is assert_made else []
    found = async_to_sync(sync_to_async(asserting))(invoice, product)
    assert found == (rows[0] if rows else None)


# --- instances among arguments --------------------------------------------------------


@declared(name="tests.making.transfer")
def transfer(product, to, also=()):
    pass


def test_instances_are_compared_with_what_a_row_refers_to(product, other):
    third = Product.objects.create(name="third")
    row = transfer.delayed(product, other, also=[third])
    assert assert_made(transfer, product, to=other) == row
    assert assert_made(transfer, product, other, also=[third]) == row
    assert assert_made(transfer, to=ANY, also=(third,)) == row
    assert_not_made(transfer, to=third)
    assert_not_made(transfer, also=[other])
    assert_not_made(transfer, to=Product(name="never saved"))


def test_a_proxy_is_its_model(product, other):
    row = transfer.delayed(product, Bargain.objects.get(pk=other.pk))
    assert assert_made(transfer, to=other) == row
    assert_not_made(transfer, to=Order.objects.create())


def test_a_child_that_shares_the_key_of_its_parent_is_that(product):
    article, other = Article.objects.create(title="one"), Article.objects.create(title="two")
    row = transfer.delayed(product, article, also=[article.page_ptr])
    assert assert_made(transfer, to=article.page_ptr, also=[article]) == row
    assert_not_made(transfer, to=other.page_ptr)


def test_a_failed_assertion_names_instances_by_their_keys(product, other):
    transfer.delayed(product, other, also=[other])
    with pytest.raises(AssertionError) as caught:
        assert_made(transfer, to=product)
    assert f"shop.product:{other.pk}, also=[shop.product:{other.pk}]" in str(caught.value)
    assert f"to=shop.product:{product.pk})" in str(caught.value)
